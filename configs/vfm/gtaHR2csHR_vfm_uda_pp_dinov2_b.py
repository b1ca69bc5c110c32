"""VFM-UDA++ with DINOv2 B, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov2_b.py

Published: no number of this pair with B is known to us. With this code: not measured.
The published adapter is trained on ImageNet-1k first (50 000 steps, frozen Transformer); here it starts from random
weights: expect less. What else differs: configs/_base_/recipes/vfm_uda.py.

Weights: `mmseg download timm:vit_base_patch14_dinov2.lvd142m` and
`timm:vit_large_patch14_reg4_dinov2.lvd142m` (Apache-2.0).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['../_base_/recipes/vfm_uda_pp.py']
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ViTAdapter',
        norm_cfg=dict(type='SyncBN', requires_grad=True, momentum=0.01),
        model_name='vit_base_patch14_dinov2.lvd142m',
        pretrained='timm',
        input_scale=1120 / 1024,  # 80 x 80 patches of 14
    ),
    decode_head=dict(
        type='BasicPyramidHead',
        in_channels=[768] * 4,
        in_index=[0, 1, 2, 3],
        channels=96,
        num_classes=19,
        dropout_ratio=0.0,
        loss_decode=dict(type='CrossEntropyLoss'),
    ),
    test_cfg=dict(mode='slide', crop_size=(1024, 1024), stride=(512, 512)),
)
# the adapter learns as the decoder does
optimizer = dict(paramwise_cfg=dict(custom_keys=dict(_delete_=True, **{'backbone.model': dict(lr_mult=0.1)})))
name = 'gtaHR2csHR_vfm_uda_pp_dinov2_b'
name_architecture = 'vfm_uda_pp_dinov2_b'
name_encoder = 'dinov2_b_adapter'
name_decoder = 'basic_pyramid'
