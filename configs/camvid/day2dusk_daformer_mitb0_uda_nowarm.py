"""What learning rate warm-up does: day2dusk_daformer_mitb0_uda.py without it."""

_base_ = ['day2dusk_daformer_mitb0_uda.py']
lr_config = dict(warmup=None)
name = 'day2dusk_daformer_mitb0_uda_nowarm'
