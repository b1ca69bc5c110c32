"""DACS and rare class sampling: day2dusk_daformer_lite0_uda.py without warm-up."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
lr_config = dict(warmup=None)
name = 'day2dusk_daformer_lite0_dacs_rcs'
