"""Every addition: day2dusk_daformer_mitb0_uda_soft_paste.py with MMD."""

_base_ = ['day2dusk_daformer_mitb0_uda_soft_paste.py']
uda = dict(mmd=dict(weight=0.005, queue=64))
name = 'day2dusk_daformer_mitb0_uda_all'
