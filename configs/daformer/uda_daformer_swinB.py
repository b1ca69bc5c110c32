"""Swin-B with the DAFormer head, GTA -> Cityscapes, by the whole DAFormer training.

    python run_experiments.py --config configs/daformer/uda_daformer_swinB.py

There is no published number to compare with. The teacher predicts without drop path. The weight 0.005 of the feature
distance was chosen on MiT-B5.

Needs data/gta, data/cityscapes and pretrained/swin_base.pth.
"""

_base_ = ['../_base_/models/daformer_sepaspp_swin_base.py', '../_base_/recipes/daformer_gta_to_cityscapes.py']
