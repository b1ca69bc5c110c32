"""VFM-UDA++ with DINOv3 ViT-L instead, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov3_l.py

Our own combination, not published and not measured: the recipe of VFM-UDA++ with DINOv3 instead of DINOv2, as encoder
and as teacher of the feature alignment (29 x 29 patches as there). The adapter starts from random weights.

Weights: `mmseg download timm:vit_large_patch16_dinov3.lvd1689m` (DINOv3 licence).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['gtaHR2csHR_vfm_uda_pp_dinov3_b.py']
model = dict(
    backbone=dict(model_name='vit_large_patch16_dinov3.lvd1689m'),
    decode_head=dict(in_channels=[1024] * 4, channels=128),
)
optimizer = dict(lr=1e-5 * 8**0.5)
uda = dict(terms=[_base_.masked_consistency, {**_base_.dinov3_alignment, 'channels': (1024, 1024)}])
name = 'gtaHR2csHR_vfm_uda_pp_dinov3_l'
name_architecture = 'vfm_uda_pp_dinov3_l'
name_encoder = 'dinov3_l_adapter'
name_opt = 'adamw_1e-5_ld0.9_poly10warm_4x2_40k'
