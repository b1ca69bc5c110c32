"""Source-only on the toy pair drawn at 512x256: the lower bound of large_daformer.py."""

_base_ = ['large_daformer.py']
uda = None
data = dict(train=dict(_delete_=True, **{**_base_.game_train, **_base_.game}))
name = 'large_source_only'
