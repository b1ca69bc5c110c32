"""Source-only: network, schedule and day frames of day2dusk_daformer_lite0_uda.py, without adaptation."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
uda = None
data = dict(train=dict(_delete_=True, **_base_.day_train))
name = 'day2dusk_daformer_lite0_src'
