"""GTA -> Cityscapes, BDD100K and Mapillary without any target image: DINOv2-L tuned as in SoMA.

    python run_experiments.py --config configs/dg/gta2all_dinov2_l_soma.py

Published (SoMA, arXiv 2412.04077): 68.27 mIoU, the mean of the three sets, with Mask2Former's head, Cityscapes and
Mapillary tested at 2048x1024. With this code, and another head: NOT measured. As there, the 16 smallest singular
components of all linear layers learn, from block 8 on. What differs: configs/_base_/recipes/dg_gta.py.

Weights: `mmseg download timm:vit_large_patch14_dinov2.lvd142m` (Apache-2.0).
Needs data/gta, data/cityscapes, data/bdd100k and data/mapillary (docs/data.md, docs/data_sets.md).
"""

_base_ = ['../_base_/recipes/dg_gta.py']
model = dict(tuning=[dict(type='SoMA', layers=['qkv', 'proj', 'fc1', 'fc2'], rank=16, first_block=8)])
name = 'gta2all_dinov2_l_soma'
name_architecture = 'dinov2_l_soma16'
name_uda = 'augmented_source'
