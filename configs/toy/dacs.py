"""DACS alone: daformer.py without rare class sampling and without warm-up."""

_base_ = ['daformer.py']
data = dict(train=dict(rare_class_sampling=None))
lr_config = dict(_delete_=True, policy='poly', power=1.0, min_lr=0.0, by_epoch=False)
name = 'dacs'
