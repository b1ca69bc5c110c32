"""Source-only with the encoder as ImageNet left it: what day2dusk_daformer_lite0_uda_frozen.py adapts."""

_base_ = ['day2dusk_daformer_lite0_src.py']
model = dict(backbone=dict(frozen_stages=7))  # the stem and all stages
name = 'day2dusk_daformer_lite0_src_frozen'
