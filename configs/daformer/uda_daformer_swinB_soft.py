"""Swin-B with the DAFormer head, GTA -> Cityscapes, by the whole DAFormer training with soft mix.

    python run_experiments.py --config configs/daformer/uda_daformer_swinB_soft.py

There is no published number to compare with. What the additions compute, and what they were before: docs/variants.md.

Needs data/gta, data/cityscapes and pretrained/swin_base.pth.
"""

_base_ = [
    '../_base_/models/daformer_sepaspp_swin_base.py',
    '../_base_/recipes/daformer_gta_to_cityscapes.py',
    '../_base_/uda/plus_gta.py',
]
uda = dict(type='DACSPlus', soft=_base_.soft)
