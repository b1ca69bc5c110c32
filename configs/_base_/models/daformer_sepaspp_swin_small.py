"""Swin-S with the DAFormer head of 256 channels."""

_base_ = ['daformer_sepaspp_swin_base.py']
model = dict(
    pretrained='pretrained/swin_small.pth',
    backbone=dict(embed_dims=96, num_heads=(3, 6, 12, 24), drop_path_rate=0.2),
    decode_head=dict(in_channels=[96, 192, 384, 768]),
)
