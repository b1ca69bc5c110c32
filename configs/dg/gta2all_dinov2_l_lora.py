"""GTA -> Cityscapes, BDD100K and Mapillary without any target image: DINOv2-L with LoRA.

    python run_experiments.py --config configs/dg/gta2all_dinov2_l_lora.py

Our own combination, not published and NOT measured: LoRA of rank 16 in all linear layers of the blocks, with the recipe
of configs/_base_/recipes/dg_gta.py.

Weights: `mmseg download timm:vit_large_patch14_dinov2.lvd142m` (Apache-2.0).
Needs data/gta, data/cityscapes, data/bdd100k and data/mapillary (docs/data.md, docs/data_sets.md).
"""

_base_ = ['../_base_/recipes/dg_gta.py']
model = dict(tuning=[dict(type='LoRA', layers=['qkv', 'proj', 'fc1', 'fc2'], rank=16)])
name = 'gta2all_dinov2_l_lora'
name_architecture = 'dinov2_l_lora16'
name_uda = 'augmented_source'
