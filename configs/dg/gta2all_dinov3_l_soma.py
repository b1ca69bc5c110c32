"""GTA -> Cityscapes, BDD100K and Mapillary without any target image: DINOv3 ViT-L tuned as in SoMA.

    python run_experiments.py --config configs/dg/gta2all_dinov3_l_soma.py

Our own combination, not published and NOT measured: gta2all_dinov2_l_soma.py with DINOv3, whose patches of 16 divide
the crops.

Weights: `mmseg download timm:vit_large_patch16_dinov3.lvd1689m` (DINOv3 licence).
Needs data/gta, data/cityscapes, data/bdd100k and data/mapillary (docs/data.md, docs/data_sets.md).
"""

_base_ = ['gta2all_dinov2_l_soma.py']
model = dict(backbone=dict(model_name='vit_large_patch16_dinov3.lvd1689m', input_scale=1.0))
name = 'gta2all_dinov3_l_soma'
name_architecture = 'dinov3_l_soma16'
name_encoder = 'dinov3_l'
