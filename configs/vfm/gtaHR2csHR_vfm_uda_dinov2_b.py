"""VFM-UDA with DINOv2 B, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_dinov2_b.py

Published: 77.1 mIoU on the Cityscapes validation set (README of the published code). With this code: not
measured. Its cost is not published.
Patches of target images are hidden behind a mask token, 70 % of them. timm's file has not that of DINOv2: the token
starts at 0 and learns; with the authors' file (backbone.pretrained=FILE) it is theirs. The decoder is a stack of
transposed convolutions, whose channels are our choice. What else differs: configs/_base_/recipes/vfm_uda.py.

Weights: `mmseg download timm:vit_base_patch14_dinov2.lvd142m` (Apache-2.0).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['../_base_/recipes/vfm_uda.py']
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='TimmBackbone',
        model_name='vit_base_patch14_dinov2.lvd142m',
        pretrained='timm',
        out_indices=(-1,),
        norm=True,
        mask_token=True,
        input_scale=1120 / 1024,  # 80 x 80 patches of 14
    ),
    decode_head=dict(
        type='DeconvHead',
        in_channels=768,
        in_index=0,
        channels=256,
        num_classes=19,
        dropout_ratio=0.0,
        loss_decode=dict(type='CrossEntropyLoss'),
    ),
    test_cfg=dict(mode='slide', crop_size=(1024, 1024), stride=(512, 512)),
)
uda = dict(terms=[dict(type='MaskedConsistency', mode='separatetrgaug', hidden='tokens', ratio=0.7)])
name = 'gtaHR2csHR_vfm_uda_dinov2_b'
name_architecture = 'vfm_uda_dinov2_b'
name_encoder = 'dinov2_b'
name_decoder = 'deconv'
name_uda = 'dacs_a999_rcs0.01-2.0_m14-0.7-spta'
name_opt = 'adamw_5e-05_sqrt_poly10warm_4x2_40k'
