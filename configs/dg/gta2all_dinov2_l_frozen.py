"""GTA -> Cityscapes, BDD100K and Mapillary without any target image: DINOv2-L stays as it is, the decoder learns.

    python run_experiments.py --config configs/dg/gta2all_dinov2_l_frozen.py

Published for a frozen DINOv2-L with Mask2Former's head (Rein, arXiv 2312.04265): 63.3 / 56.1 / 63.9 mIoU. This
combination, with another head, is our own and NOT measured. What else differs: configs/_base_/recipes/dg_gta.py.

Weights: `mmseg download timm:vit_large_patch14_dinov2.lvd142m` (Apache-2.0).
Needs data/gta, data/cityscapes, data/bdd100k and data/mapillary (docs/data.md, docs/data_sets.md).
"""

_base_ = ['../_base_/recipes/dg_gta.py']
model = dict(tuning=[dict(type='Freeze')])
optimizer = dict(paramwise_cfg=dict(_delete_=True))
name = 'gta2all_dinov2_l_frozen'
name_architecture = 'dinov2_l_frozen'
name_uda = 'augmented_source'
