"""BEiT-B with UPerNet and an auxiliary head, GTA -> Cityscapes, by plain DACS.

    python run_experiments.py --config configs/daformer/uper_beit_uda.py

There is no published number to compare with. Test images are larger than the position tables, so they are tested in
windows of 512x512. The earlier schedule, whose end of 1e-4 makes the encoder's learning rate rise: --cfg-options
lr_config.min_lr=1e-4.

Needs data/gta, data/cityscapes and pretrained/beit_base_patch16_224_pt22k_ft22k.pth.
"""

_base_ = ['../_base_/models/upernet_beit_base.py', '../_base_/recipes/dacs_gta_to_cityscapes.py']
# Plain vision Transformers call their norms ln1 and ln2: found by what they are instead of by name.
optimizer = dict(paramwise_cfg=dict(custom_keys=dict(_delete_=True, head=dict(lr_mult=10.0)), norm_decay_mult=0.0))
