"""Swin-B with the DAFormer head, GTA -> Cityscapes, by plain DACS.

    python run_experiments.py --config configs/daformer/daformer_swinB_uda.py

There is no published number to compare with. The teacher predicts without drop path. The earlier schedule, whose end
of 1e-4 makes the encoder's learning rate rise: --cfg-options lr_config.min_lr=1e-4.

Needs data/gta, data/cityscapes and pretrained/swin_base.pth.
"""

_base_ = ['../_base_/models/daformer_sepaspp_swin_base.py', '../_base_/recipes/dacs_gta_to_cityscapes.py']
