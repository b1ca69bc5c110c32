"""Swin-L, pretrained on ImageNet-22k at 224x224 with window 7 ("L224"), with the DAFormer head of 256 channels."""

_base_ = ['daformer_sepaspp_swin_base.py']
model = dict(
    pretrained='pretrained/swin_large.pth',
    backbone=dict(embed_dims=192, num_heads=(6, 12, 24, 48), drop_path_rate=0.2),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
)
