"""Oracle: trained on the 62 dusk frames with their labels, everything else as day2dusk_daformer_lite0_uda.py."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
uda = None
data = dict(train=dict(_delete_=True, **_base_.dusk_train_labelled))
name = 'day2dusk_daformer_lite0_oracle'
