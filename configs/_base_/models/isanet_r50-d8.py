"""ISANet (arXiv 1907.12273) on a dilated ResNet-50: attention over long, then over short range.

The paper's Table 1 has it with ResNet-101 and without norms in the decoder: ``decode_head=dict(norm_cfg=None)``.
"""

_base_ = ['deeplabv2_r50-d8.py']
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    decode_head=dict(
        _delete_=True,
        type='ISAHead',
        in_channels=2048,
        in_index=3,
        channels=512,
        isa_channels=256,
        down_factor=(8, 8),
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
)
