"""MAE-B with UPerNet and an auxiliary head, GTA -> Cityscapes, by the whole DAFormer training.

    python run_experiments.py --config configs/daformer/uper_mae_DAFormer.py

There is no published number to compare with. Test images are larger than the position tables, so they are tested in
windows of 512x512. The factors of the pretrained branches start at 1; the earlier 0.1: --cfg-options
model.backbone.init_values=0.1.

Needs data/gta, data/cityscapes and pretrained/mae_base.pth.
"""

_base_ = ['../_base_/models/upernet_mae_base.py', '../_base_/recipes/daformer_gta_to_cityscapes.py']
# Plain vision Transformers call their norms ln1 and ln2: found by what they are instead of by name.
optimizer = dict(paramwise_cfg=dict(custom_keys=dict(_delete_=True, head=dict(lr_mult=10.0)), norm_decay_mult=0.0))
