"""What MMD does: day2dusk_daformer_mitb0_uda.py with it."""

_base_ = ['day2dusk_daformer_mitb0_uda.py']
uda = dict(type='DACSPlus', mmd=dict(weight=0.005, queue=64))
name = 'day2dusk_daformer_mitb0_uda_mmd'
