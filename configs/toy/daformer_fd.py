"""What the feature distance on things does on the toy pair: daformer.py with it. It needs the ImageNet weights."""

_base_ = ['daformer.py']
model = dict(backbone=dict(pretrained='package'))
uda = dict(
    imnet_feature_dist_lambda=0.005,
    imnet_feature_dist_classes=[6, 7, 11, 12, 13, 14, 15, 16, 17, 18],  # things
    imnet_feature_dist_scale_min_ratio=0.75,
)
name = 'daformer_fd'
