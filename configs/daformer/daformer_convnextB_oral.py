"""ConvNeXt-B with the DAFormer head on Cityscapes with its labels: the oracle of daformer_convnextB_*.

    python run_experiments.py --config configs/daformer/daformer_convnextB_oral.py

There is no published number to compare with. Half resolution as the adapted runs, hence lower than the literature.
The earlier schedule, whose end of 1e-4 makes the encoder's learning rate rise: --cfg-options lr_config.min_lr=1e-4.

Needs data/cityscapes and the weights of ConvNeXt-B that its model file names.
"""

_base_ = ['../_base_/models/daformer_sepaspp_convnext_base.py', '../_base_/recipes/oracle_cityscapes.py']
optimizer = dict(lr=8e-05)  # encoder; decoder 8e-4
