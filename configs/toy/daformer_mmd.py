"""What MMD does on the toy pair: daformer.py with it."""

_base_ = ['daformer.py']
uda = dict(type='DACSPlus', mmd=dict(weight=0.005, queue=64))
name = 'daformer_mmd'
