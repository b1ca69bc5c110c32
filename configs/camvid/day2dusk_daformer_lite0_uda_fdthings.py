"""What the feature distance on things does: day2dusk_daformer_lite0_uda_fd.py on these classes alone."""

_base_ = ['day2dusk_daformer_lite0_uda_fd.py']
uda = dict(
    imnet_feature_dist_classes=[6, 8, 9, 10],  # signsymbol, car, pedestrian, bicyclist
    imnet_feature_dist_scale_min_ratio=0.75,
)
name = 'day2dusk_daformer_lite0_uda_fdthings'
