"""DACS and the feature distance to ImageNet features on all classes (paper, Table 5, "FD all")."""

_base_ = ['dacs.py']
uda = dict(imnet_feature_dist_lambda=0.005)
