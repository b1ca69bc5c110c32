"""Swin-B (arXiv 2103.14030, window 7) with the DAFormer head of 256 channels."""

_base_ = ['daformer_sepaspp_mitb5.py']
model = dict(
    pretrained='pretrained/swin_base.pth',
    backbone=dict(
        _delete_=True,
        type='SwinTransformer',
        pretrain_img_size=224,
        embed_dims=128,
        window_size=7,
        depths=(2, 2, 18, 2),
        num_heads=(4, 8, 16, 32),
        drop_path_rate=0.3,
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
)
