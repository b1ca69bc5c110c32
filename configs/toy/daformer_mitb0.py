"""daformer.py with MiT-B0 from random weights, for which no weights have to be installed."""

_base_ = ['daformer.py']
model = dict(
    backbone=dict(_delete_=True, type='mit_b0', drop_path_rate=0.0),  # too few iterations to need stochastic depth
    decode_head=dict(in_channels=[32, 64, 160, 256]),
)
# from scratch: larger steps than for a pretrained encoder
optimizer = dict(lr=1e-3, paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=3.0))))
name = 'daformer_mitb0'
