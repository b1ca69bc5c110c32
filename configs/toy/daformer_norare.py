"""What rare class sampling does on the toy pair: daformer.py without it, warm-up kept."""

_base_ = ['daformer.py']
data = dict(train=dict(rare_class_sampling=None))
name = 'daformer_norare'
