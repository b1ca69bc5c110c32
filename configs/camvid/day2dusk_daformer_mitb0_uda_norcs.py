"""What rare class sampling does: day2dusk_daformer_mitb0_uda.py without it."""

_base_ = ['day2dusk_daformer_mitb0_uda.py']
data = dict(train=dict(rare_class_sampling=None))
name = 'day2dusk_daformer_mitb0_uda_norcs'
