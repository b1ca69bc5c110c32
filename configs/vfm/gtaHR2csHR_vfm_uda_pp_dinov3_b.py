"""VFM-UDA++ with DINOv3 ViT-B instead, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov3_b.py

Our own combination, not published and not measured: the recipe of VFM-UDA++ with DINOv3 instead of DINOv2, as encoder
and as teacher of the feature alignment (29 x 29 patches as there). The adapter starts from random weights.

Weights: `mmseg download timm:vit_base_patch16_dinov3.lvd1689m` and
`timm:vit_large_patch16_dinov3.lvd1689m` (DINOv3 licence).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['gtaHR2csHR_vfm_uda_pp_dinov2_b.py']
model = dict(backbone=dict(model_name='vit_base_patch16_dinov3.lvd1689m', input_scale=1.0))
uda = dict(terms=[_base_.masked_consistency, _base_.dinov3_alignment])
name = 'gtaHR2csHR_vfm_uda_pp_dinov3_b'
name_architecture = 'vfm_uda_pp_dinov3_b'
name_encoder = 'dinov3_b_adapter'
