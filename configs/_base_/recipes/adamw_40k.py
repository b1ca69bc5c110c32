"""What all runs of 40000 iterations share: the optimizer of every parameter, how long, what is saved and evaluated."""

_base_ = ['../default_runtime.py', '../schedules/adamw.py']
seed = 0
optimizer_config = None  # no gradient clipping
optimizer = dict(
    lr=6e-05,  # encoder
    weight_decay=0.01,
    paramwise_cfg=dict(
        custom_keys=dict(
            head=dict(lr_mult=10.0),  # decoder: 6e-4
            norm=dict(decay_mult=0.0),  # norms of the encoder do not decay
        )
    ),
)
runner = dict(type='IterBasedRunner', max_iters=40000)
# The published runs wrote one checkpoint, at iteration 40000, and lost everything when interrupted. Here the newest
# of one every 4000 is kept: the last is the same, and a stopped run goes on.
checkpoint_config = dict(by_epoch=False, interval=4000, max_keep_ckpts=1)
evaluation = dict(interval=4000, metric='mIoU')  # for the curve; no checkpoint is chosen by it
n_gpus = 1
