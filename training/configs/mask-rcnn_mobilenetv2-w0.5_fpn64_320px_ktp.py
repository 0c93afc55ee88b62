"""Mask R-CNN for cards in photos: MobileNetV2 x0.5, FPN of 64 channels on strides 8 to 64, 320 px, four classes.

No stride-4 level: it would cost more than all others together, and a card is never small there.
"""

default_scope = "mmdet"
custom_imports = dict(
    imports=[
        "ktp_training.segmentation_data",
        "ktp_training.segmentation_model",
        "ktp_training.metrics",
        "ktp_training.loop",
    ]
)

coder = dict(type="DeltaXYWHBBoxCoder", target_means=[0.0] * 4)
strides = [8, 16, 32]
roi_extractor = dict(
    type="SingleRoIExtractor",
    roi_layer=dict(type="RoIAlign", output_size=7, sampling_ratio=2),
    out_channels=64,
    featmap_strides=strides,
    finest_scale=112,
)
model = dict(
    type="KtpMaskRCNN",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=False,
        pad_mask=False,
    ),
    backbone=dict(type="MobileNetV2", widen_factor=0.5, out_indices=(2, 4, 6), norm_cfg=dict(type="BN")),
    neck=dict(type="FPN", in_channels=[16, 48, 160], out_channels=64, num_outs=4),
    rpn_head=dict(
        type="RPNHead",
        in_channels=64,
        feat_channels=64,
        anchor_generator=dict(type="AnchorGenerator", scales=[6], ratios=[0.63, 1.0, 1.59], strides=[8, 16, 32, 64]),
        bbox_coder=dict(coder, target_stds=[1.0] * 4),
        loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0),
        loss_bbox=dict(type="L1Loss", loss_weight=1.0),
    ),
    roi_head=dict(
        type="KtpRoIHead",
        bbox_roi_extractor=roi_extractor,
        bbox_head=dict(
            type="Shared2FCBBoxHead",
            in_channels=64,
            fc_out_channels=256,
            roi_feat_size=7,
            num_classes=4,
            bbox_coder=dict(coder, target_stds=[0.1, 0.1, 0.2, 0.2]),
            reg_class_agnostic=True,
            loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
            loss_bbox=dict(type="L1Loss", loss_weight=1.0),
        ),
        mask_roi_extractor=dict(
            type="SingleRoIExtractor",
            roi_layer=dict(type="RoIAlign", output_size=28, sampling_ratio=2),
            out_channels=32,
            featmap_strides=strides[:1],
        ),
        mask_head=dict(type="KtpMaskHead", map_channels=64, in_channels=32, loss_weight=2.0),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(
                type="MaxIoUAssigner",
                pos_iou_thr=0.6,
                neg_iou_thr=0.3,
                min_pos_iou=0.3,
                match_low_quality=True,
                ignore_iof_thr=-1,
            ),
            sampler=dict(type="RandomSampler", num=128, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=False),
            allowed_border=-1,
            pos_weight=-1,
            debug=False,
        ),
        rpn_proposal=dict(nms_pre=200, max_per_img=100, nms=dict(type="nms", iou_threshold=0.7), min_bbox_size=0),
        rcnn=dict(
            assigner=dict(
                type="MaxIoUAssigner",
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
                match_low_quality=True,
                ignore_iof_thr=-1,
            ),
            sampler=dict(type="RandomSampler", num=48, pos_fraction=0.25, neg_pos_ub=-1, add_gt_as_proposals=True),
            pos_weight=-1,
            debug=False,
        ),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=100, max_per_img=50, nms=dict(type="nms", iou_threshold=0.7), min_bbox_size=0),
        rcnn=dict(score_thr=0.05, nms=dict(type="nms", iou_threshold=0.5), max_per_img=8, mask_thr_binary=0.5),
    ),
)

train_dataset = dict(type="KtpSceneDataset", training=True)
val_dataset = dict(type="KtpSceneDataset", training=False)
val_evaluator = dict(type="KtpCardMetric")
schedule = dict(batch_size=8, lr=1e-3, weight_decay=0.01, warm_up=200, val_interval=440, val_batch_size=8)
