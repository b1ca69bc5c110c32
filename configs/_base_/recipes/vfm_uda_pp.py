"""What VFM-UDA++ adds to the recipe of VFM-UDA: masked images, features aligned with an encoder's, rates by block."""

_base_ = ['vfm_uda.py']
masked_consistency = dict(type='MaskedConsistency', mode='separatetrgaug', block_size=64, ratio=0.7)
feature_alignment = dict(
    type='FeatureAlignment',
    channels=(768, 1024),  # of the student's encoder, of the teacher's
    size=406,  # 29 x 29 patches of 14
    weight=0.1,
    teacher=dict(
        type='TimmBackbone',
        model_name='vit_large_patch14_reg4_dinov2.lvd142m',
        pretrained='timm',
        out_indices=(-1,),
        norm=True,
    ),
)
dinov3_alignment = {
    **feature_alignment,
    'size': 464,  # 29 x 29 patches of 16
    'teacher': {**feature_alignment['teacher'], 'model_name': 'vit_large_patch16_dinov3.lvd1689m'},
}
uda = dict(terms=[masked_consistency, feature_alignment])
optimizer = dict(paramwise_cfg=dict(layer_decay=0.9))
name_uda = 'dacs_a999_rcs0.01-2.0_m64-0.7-spta_fa'
name_opt = 'adamw_5e-5_ld0.9_poly10warm_4x2_40k'
