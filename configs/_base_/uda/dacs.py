"""DACS (arXiv 2007.08702) as the DAFormer paper uses it: mixing of classes, an averaged teacher, nothing else."""

uda = dict(
    type='DACS',
    alpha=0.99,  # the teacher keeps this part of itself in every iteration
    pseudo_threshold=0.968,  # tau: the quality of a batch is the part of its pixels with a confidence above
    pseudo_weight_ignore_top=0,  # rows of the target without weight
    pseudo_weight_ignore_bottom=0,
    imnet_feature_dist_lambda=0,  # no feature distance
    imnet_feature_dist_classes=None,
    imnet_feature_dist_scale_min_ratio=None,
    mix='class',  # half of the source classes are pasted on the target
    blur=True,  # in half of the iterations
    color_jitter_strength=0.2,
    color_jitter_probability=0.2,  # jitter acts when a draw of [0, 1) is GREATER: in 80 % of the iterations
    debug_img_interval=1000,  # a panel of what the step saw, every 1000 iterations
)
use_ddp_wrapper = True
