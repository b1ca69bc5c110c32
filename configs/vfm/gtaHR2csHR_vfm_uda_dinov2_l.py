"""VFM-UDA with DINOv2 L, GTA -> Cityscapes at full resolution.

    python run_experiments.py --config configs/vfm/gtaHR2csHR_vfm_uda_dinov2_l.py

Published: 78.4 mIoU on the Cityscapes validation set (README of the published code). With this code: not
measured. About 20 hours on 4 A100 (published).
Patches of target images are hidden behind a mask token, 70 % of them. timm's file has not that of DINOv2: the token
starts at 0 and learns; with the authors' file (backbone.pretrained=FILE) it is theirs. The decoder is a stack of
transposed convolutions, whose channels are our choice. What else differs: configs/_base_/recipes/vfm_uda.py.

Weights: `mmseg download timm:vit_large_patch14_dinov2.lvd142m` (Apache-2.0).
Needs data/gta and data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['gtaHR2csHR_vfm_uda_dinov2_b.py']
model = dict(
    backbone=dict(model_name='vit_large_patch14_dinov2.lvd142m'),
    decode_head=dict(in_channels=1024),
)
name = 'gtaHR2csHR_vfm_uda_dinov2_l'
name_architecture = 'vfm_uda_dinov2_l'
name_encoder = 'dinov2_l'
