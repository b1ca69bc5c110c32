"""DACS alone: day2dusk_daformer_lite0_uda.py without rare class sampling and without warm-up."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
data = dict(train=dict(rare_class_sampling=None))
lr_config = dict(warmup=None)
name = 'day2dusk_daformer_lite0_dacs'
