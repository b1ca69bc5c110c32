"""What soft mix and soft loss do: day2dusk_daformer_mitb0_uda.py with them."""

_base_ = ['day2dusk_daformer_mitb0_uda.py']
uda = dict(type='DACSPlus', soft=0.9)
name = 'day2dusk_daformer_mitb0_uda_soft'
