"""Swin-B with the DAFormer head on GTA alone: what there is before adaptation.

    python run_experiments.py --config configs/daformer/daformer_swinB_src.py

There is no published number to compare with. The earlier schedule, whose end of 1e-4 makes the encoder's learning
rate rise: --cfg-options lr_config.min_lr=1e-4.

Needs data/gta, data/cityscapes to test on, and pretrained/swin_base.pth.
"""

_base_ = ['../_base_/models/daformer_sepaspp_swin_base.py', '../_base_/recipes/source_only_gta.py']
