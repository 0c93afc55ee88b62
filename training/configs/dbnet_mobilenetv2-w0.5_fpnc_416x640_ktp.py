"""DBNet for the lines of a rectified card: MobileNetV2 x0.5, FPNC of 64 channels, 416 x 640 px, shrink ratio 0.7."""

default_scope = "mmocr"
custom_imports = dict(
    imports=["ktp_training.detection_data", "ktp_training.detection_model", "ktp_training.metrics", "ktp_training.loop"]
)

model = dict(
    type="KtpDBNet",
    data_preprocessor=dict(
        type="TextDetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=False,
    ),
    backbone=dict(type="mmdet.MobileNetV2", widen_factor=0.5, out_indices=(1, 2, 4, 6), norm_cfg=dict(type="BN")),
    neck=dict(type="FPNC", in_channels=[16, 16, 48, 160], lateral_channels=64, out_channels=16),
    det_head=dict(
        type="KtpDBHead",
        in_channels=64,
        module_loss=dict(type="KtpDBModuleLoss"),
        postprocessor=dict(type="KtpTextBoxes"),
    ),
)

train_dataset = dict(type="KtpFrameDataset", training=True)
val_dataset = dict(type="KtpFrameDataset", training=False)
val_evaluator = dict(type="KtpTextBoxMetric")
schedule = dict(batch_size=4, lr=1e-3, weight_decay=0.01, warm_up=50, val_interval=150, val_batch_size=8)
