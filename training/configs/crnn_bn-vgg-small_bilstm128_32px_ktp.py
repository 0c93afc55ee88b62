"""CTC recogniser for grey lines 32 px high: twelve convolutions, one bidirectional LSTM, two answers a column."""

default_scope = "mmocr"
custom_imports = dict(
    imports=[
        "ktp_training.recognition_data",
        "ktp_training.recognition_model",
        "ktp_training.metrics",
        "ktp_training.loop",
    ]
)

dictionary = dict(type="KtpDictionary")
model = dict(
    type="CRNN",
    preprocessor=None,
    data_preprocessor=dict(type="TextRecogDataPreprocessor", mean=[127.5], std=[127.5]),
    backbone=dict(type="KtpLineBackbone", channels=(24, 32, 48, 96, 128), depths=(1, 2, 1)),
    encoder=None,
    decoder=dict(
        type="KtpCtcDecoder",
        in_channels=128,
        hidden_channels=128,
        parts=2,
        dictionary=dictionary,
        module_loss=dict(type="CTCModuleLoss", letter_case="unchanged", zero_infinity=True),
        postprocessor=dict(type="CTCPostProcessor", max_seq_len=512),
    ),
)

train_dataset = dict(type="KtpLineDataset", training=True)
val_dataset = dict(type="KtpLineDataset", training=False, limit=2000)
train_batch_sampler = dict(type="WidthBucketBatchSampler")
val_batch_sampler = dict(type="WidthBucketOnceSampler")
val_evaluator = dict(type="KtpLineMetric")
schedule = dict(batch_size=48, lr=2e-3, weight_decay=0.01, warm_up=200, val_interval=1000, val_batch_size=64)
