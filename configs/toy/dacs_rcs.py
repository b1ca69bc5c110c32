"""DACS and rare class sampling: daformer.py without warm-up."""

_base_ = ['daformer.py']
lr_config = dict(_delete_=True, policy='poly', power=1.0, min_lr=0.0, by_epoch=False)
name = 'dacs_rcs'
