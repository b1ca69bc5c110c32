"""What the feature distance on all classes does: day2dusk_daformer_lite0_uda.py with it."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
uda = dict(imnet_feature_dist_lambda=0.005)
name = 'day2dusk_daformer_lite0_uda_fd'
