"""VFM-UDA++ with DINOv3 ConvNeXt-L and the DAFormer decoder, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov3_convnext_l.py

Our own combination, not published and not measured: DINOv3's ConvNeXt needs no adapter; DAFormer's decoder reads its
stages as they are. The rest is the recipe of VFM-UDA++; the teacher of the feature alignment is DINOv3 ViT-L.

Weights: `mmseg download timm:convnext_large.dinov3_lvd1689m` and
`timm:vit_large_patch16_dinov3.lvd1689m` (DINOv3 licence).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['gtaHR2csHR_vfm_uda_pp_dinov3_convnext_b.py']
model = dict(
    backbone=dict(model_name='convnext_large.dinov3_lvd1689m'),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
)
optimizer = dict(lr=1e-5 * 8**0.5)
uda = dict(terms=[_base_.masked_consistency, {**_base_.dinov3_alignment, 'channels': (1536, 1024)}])
name = 'gtaHR2csHR_vfm_uda_pp_dinov3_convnext_l'
name_architecture = 'daformer_sepaspp_dinov3_convnext_l'
name_encoder = 'dinov3_convnext_l'
name_opt = 'adamw_1e-5_ld0.9_poly10warm_4x2_40k'
