"""DANet (arXiv 1809.02983) on a dilated ResNet-50: attention between positions and between channels.

The paper's Table 1 has it with ResNet-101 and without norms in the decoder: ``decode_head=dict(norm_cfg=None)``.
"""

_base_ = ['deeplabv2_r50-d8.py']
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    decode_head=dict(
        _delete_=True,
        type='DAHead',
        in_channels=2048,
        in_index=3,
        channels=512,
        pam_channels=64,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
)
