"""Swin-B with UPerNet and an auxiliary FCN head, GTA -> Cityscapes, by DACS with soft mix, long-tail paste, MMD and
rare class sampling.

    python run_experiments.py --config configs/daformer/uper_fcn_swinB_uda_soft_paste_mmd_rare.py

There is no published number to compare with. The teacher is slower (0.999) than that of plain DACS. What the
additions compute, and what they were before: docs/variants.md.

Needs data/gta, data/cityscapes and pretrained/swin_base.pth.
"""

_base_ = [
    '../_base_/models/upernet_swin_base.py',
    '../_base_/recipes/dacs_a999_gta_to_cityscapes.py',
    '../_base_/uda/plus_gta.py',
]
uda = dict(type='DACSPlus', soft=_base_.soft, soft_paste=True, mmd=_base_.mmd)
data = dict(train=dict(long_tail_paste=_base_.long_tail, rare_class_sampling=_base_.rare))
# position tables do not decay either
optimizer = dict(paramwise_cfg=dict(custom_keys=dict(relative_position_bias_table=dict(decay_mult=0.0))))
