"""VFM-UDA++ with DINOv3 ConvNeXt-L and the DAFormer decoder, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov3_convnext_l.py

Our own combination, not published and not measured: DINOv3's ConvNeXt needs no adapter; DAFormer's decoder reads its
stages as they are. The rest is the recipe of VFM-UDA++; the teacher of the feature alignment is DINOv3 ViT-L.

Weights: `python -m tools.download timm:convnext_large.dinov3_lvd1689m` and
`timm:vit_large_patch16_dinov3.lvd1689m` (DINOv3 licence).
Needs data/gta and data/cityscapes (converted once, see README, "Data").
"""

_base_ = ['../_base_/models/daformer_sepaspp_mitb5.py', '../_base_/recipes/vfm_uda.py']
model = dict(
    pretrained=None,
    backbone=dict(_delete_=True, type='TimmBackbone', model_name='convnext_large.dinov3_lvd1689m', pretrained='timm'),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
    test_cfg=dict(_delete_=True, mode='slide', crop_size=(1024, 1024), stride=(512, 512)),
)
optimizer = dict(
    lr=1e-5 * 8**0.5,  # of what is not the encoder
    weight_decay=0.01,
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys={'backbone': dict(lr_mult=0.1)},
        layer_decay=0.9,
    ),
)
uda = dict(
    terms=[
        dict(type='MaskedConsistency', mode='separatetrgaug', block_size=64, ratio=0.7),
        dict(
            type='FeatureAlignment',
            channels=(1536, 1024),
            size=464,
            weight=0.1,
            teacher=dict(
                type='TimmBackbone',
                model_name='vit_large_patch16_dinov3.lvd1689m',
                pretrained='timm',
                out_indices=(-1,),
                norm=True,
            ),
        ),
    ],
)
name = 'gtaHR2csHR_vfm_uda_pp_dinov3_convnext_l'
exp = 'vfm'
name_dataset = 'gtaHR2cityscapesHR_1024x1024'
name_architecture = 'daformer_sepaspp_dinov3_convnext_l'
name_encoder = 'dinov3_convnext_l'
name_decoder = 'daformer_sepaspp'
name_uda = 'dacs_a999_rcs0.01-2.0_m64-0.7-spta_fa'
name_opt = 'adamw_1e-5_ld0.9_poly10warm_4x2_40k'
