"""ConvNeXt-B with the DAFormer head, GTA -> Cityscapes, by the whole DAFormer training with soft mix and long-tail
paste.

    python run_experiments.py --config configs/daformer/uda_daformer_convnextB_soft_paste.py

There is no published number to compare with. What the additions compute, and what they were before: docs/variants.md.

Needs data/gta, data/cityscapes and the weights of ConvNeXt-B that its model file names.
"""

_base_ = [
    '../_base_/models/daformer_sepaspp_convnext_base.py',
    '../_base_/recipes/daformer_gta_to_cityscapes.py',
    '../_base_/uda/plus_gta.py',
]
uda = dict(type='DACSPlus', soft=_base_.soft, soft_paste=True)
data = dict(train=dict(long_tail_paste=_base_.long_tail))
optimizer = dict(lr=8e-05)  # encoder; decoder 8e-4
