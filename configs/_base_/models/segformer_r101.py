"""ResNet-101 with the all-MLP head of SegFormer: the paper's Table 2.

The encoder is not dilated: the head brings stages at 1/4 to 1/32 of the image together, as it does MiT's.
"""

_base_ = ['segformer_b5.py']
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    pretrained='open-mmlab://resnet101_v1c',
    backbone=dict(
        _delete_=True,
        type='ResNetV1c',
        depth=101,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 1, 1),
        strides=(1, 2, 2, 2),
        norm_cfg=norm_cfg,
        norm_eval=False,
        style='pytorch',
    ),
    decode_head=dict(in_channels=[256, 512, 1024, 2048]),
)
