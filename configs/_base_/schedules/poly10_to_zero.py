"""Linear decay to 0 without warm-up: poly10.py with an end that lies below every base learning rate."""

_base_ = ['poly10.py']
lr_config = dict(min_lr=0.0)
