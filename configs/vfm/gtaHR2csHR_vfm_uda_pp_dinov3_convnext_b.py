"""VFM-UDA++ with DINOv3 ConvNeXt-B and the DAFormer decoder, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov3_convnext_b.py

Our own combination, not published and not measured: DINOv3's ConvNeXt needs no adapter; DAFormer's decoder reads its
stages as they are. The rest is the recipe of VFM-UDA++; the teacher of the feature alignment is DINOv3 ViT-L.

Weights: `mmseg download timm:convnext_base.dinov3_lvd1689m` and
`timm:vit_large_patch16_dinov3.lvd1689m` (DINOv3 licence).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['../_base_/models/daformer_sepaspp_mitb5.py', '../_base_/recipes/vfm_uda_pp.py']
model = dict(
    pretrained=None,
    backbone=dict(_delete_=True, type='TimmBackbone', model_name='convnext_base.dinov3_lvd1689m', pretrained='timm'),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
    test_cfg=dict(_delete_=True, mode='slide', crop_size=(1024, 1024), stride=(512, 512)),
)
uda = dict(terms=[_base_.masked_consistency, {**_base_.dinov3_alignment, 'channels': (1024, 1024)}])
name = 'gtaHR2csHR_vfm_uda_pp_dinov3_convnext_b'
name_architecture = 'daformer_sepaspp_dinov3_convnext_b'
name_encoder = 'dinov3_convnext_b'
name_decoder = 'daformer_sepaspp'
