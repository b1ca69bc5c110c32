"""Swin-B with the DAFormer head, GTA -> Cityscapes, by the whole DAFormer training with soft mix, long-tail paste and
MMD.

    python run_experiments.py --config configs/daformer/uda_daformer_swinB_soft_paste_mmd.py

There is no published number to compare with. What the additions compute, and what they were before: docs/variants.md.

Needs data/gta, data/cityscapes and pretrained/swin_base.pth.
"""

_base_ = [
    '../_base_/models/daformer_sepaspp_swin_base.py',
    '../_base_/recipes/daformer_gta_to_cityscapes.py',
    '../_base_/uda/plus_gta.py',
]
uda = dict(type='DACSPlus', soft=_base_.soft, soft_paste=True, mmd=_base_.mmd)
data = dict(train=dict(long_tail_paste=_base_.long_tail))
# position tables do not decay either
optimizer = dict(paramwise_cfg=dict(custom_keys=dict(relative_position_bias_table=dict(decay_mult=0.0))))
