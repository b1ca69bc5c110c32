"""What training the encoder does: day2dusk_daformer_lite0_uda.py with all of it as ImageNet left it."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
model = dict(backbone=dict(frozen_stages=7))  # the stem and all stages
name = 'day2dusk_daformer_lite0_uda_frozen'
