"""daformer.py at half the size, with fewer iterations: two minutes, for `mmseg quickstart --fast`."""

_base_ = ['daformer.py']
data = dict(
    train=dict(
        source=dict(pipeline=_base_.fast_labelled),
        target=dict(pipeline=_base_.fast_unlabelled),
        rare_class_sampling=dict(min_crop_ratio=0.1),  # of pixels that are a quarter as many
    ),
    val=dict(pipeline=_base_.fast_test),
    test=dict(pipeline=_base_.fast_test),
)
uda = dict(pseudo_weight_ignore_bottom=7)
runner = dict(max_iters=_base_.fast_iterations)
checkpoint_config = dict(interval=_base_.fast_iterations)
evaluation = dict(interval=_base_.fast_iterations)
lr_config = dict(warmup_iters=_base_.fast_iterations // 8)  # the share that it has in daformer.py
name = 'fast_daformer'
