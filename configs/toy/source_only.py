"""Source-only: the network of daformer.py on the game's pictures alone, for as many iterations. The lower bound."""

_base_ = ['toy_base.py']
lr_config = dict(warmup='linear', warmup_iters=50, warmup_ratio=1e-6)
name = 'source_only'
