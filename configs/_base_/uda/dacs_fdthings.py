"""DACS and the feature distance to ImageNet features on thing classes (paper, section 3.3)."""

_base_ = ['dacs.py']
uda = dict(
    imnet_feature_dist_lambda=0.005,
    # traffic light and sign, person to bicycle: the classes ImageNet knows as objects
    imnet_feature_dist_classes=[6, 7, 11, 12, 13, 14, 15, 16, 17, 18],
    # a feature belongs to a class that fills at least this part of the label patch under it
    imnet_feature_dist_scale_min_ratio=0.75,
)
