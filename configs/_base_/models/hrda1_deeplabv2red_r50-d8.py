"""HRDA (arXiv 2204.13132) with DeepLabV2 decoders; runs take ResNet-101 as in deeplabv2_r50-d8.py."""

_base_ = ['deeplabv2red_r50-d8.py']
model = dict(
    type='HRDAEncoderDecoder',
    decode_head=dict(
        type='HRDAHead',
        single_scale_head='DLV2Head',
        attention_classwise=True,
        hr_loss_weight=0.1,
    ),
    scales=[1, 0.5],
    hr_crop_size=(512, 512),
    feature_scale=0.5,
    crop_coord_divisible=8,
    hr_slide_inference=True,
)
