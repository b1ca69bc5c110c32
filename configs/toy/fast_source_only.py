"""source_only.py at half the size, with fewer iterations: a minute or two, for `mmseg quickstart --fast`."""

_base_ = ['source_only.py']
data = dict(
    train=dict(pipeline=_base_.fast_labelled),
    val=dict(pipeline=_base_.fast_test),
    test=dict(pipeline=_base_.fast_test),
)
runner = dict(max_iters=_base_.fast_iterations)
checkpoint_config = dict(interval=_base_.fast_iterations)
evaluation = dict(interval=_base_.fast_iterations)
lr_config = dict(warmup_iters=_base_.fast_iterations // 8)  # the share that it has in source_only.py
name = 'fast_source_only'
