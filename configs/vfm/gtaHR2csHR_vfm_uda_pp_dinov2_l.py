"""VFM-UDA++ with DINOv2 L, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov2_l.py

Published: 79.8 mIoU on the Cityscapes validation set, from the student. With this code: not measured. About
30 hours on 4 H100 (published).
The published adapter is trained on ImageNet-1k first (50 000 steps, frozen Transformer); here it starts from random
weights: expect less. What else differs: configs/_base_/recipes/vfm_uda.py.

Weights: `mmseg download timm:vit_large_patch14_dinov2.lvd142m` and
`timm:vit_large_patch14_reg4_dinov2.lvd142m` (Apache-2.0).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['gtaHR2csHR_vfm_uda_pp_dinov2_b.py']
model = dict(
    backbone=dict(model_name='vit_large_patch14_dinov2.lvd142m'),
    decode_head=dict(in_channels=[1024] * 4, channels=128),
)
optimizer = dict(lr=1e-5 * 8**0.5)
uda = dict(terms=[_base_.masked_consistency, {**_base_.feature_alignment, 'channels': (1024, 1024)}])
name = 'gtaHR2csHR_vfm_uda_pp_dinov2_l'
name_architecture = 'vfm_uda_pp_dinov2_l'
name_encoder = 'dinov2_l_adapter'
name_opt = 'adamw_1e-5_ld0.9_poly10warm_4x2_40k'
