"""Every addition to daformer.py on the toy pair: soft mix, long-tail paste and MMD."""

_base_ = ['daformer_soft_paste.py']
uda = dict(mmd=dict(weight=0.005, queue=64))
name = 'daformer_all'
