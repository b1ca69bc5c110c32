"""Swin-B with the DAFormer head on Cityscapes with its labels: the oracle of daformer_swinB_*.

    python run_experiments.py --config configs/daformer/daformer_swinB_oral.py

There is no published number to compare with. Half resolution as the adapted runs, hence lower than the literature.
The earlier schedule, whose end of 1e-4 makes the encoder's learning rate rise: --cfg-options lr_config.min_lr=1e-4.

Needs data/cityscapes and pretrained/swin_base.pth.
"""

_base_ = ['../_base_/models/daformer_sepaspp_swin_base.py', '../_base_/recipes/oracle_cityscapes.py']
