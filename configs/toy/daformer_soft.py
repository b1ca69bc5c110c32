"""What soft mix and soft loss do on the toy pair: daformer.py with them."""

_base_ = ['daformer.py']
uda = dict(type='DACSPlus', soft=0.9)
name = 'daformer_soft'
