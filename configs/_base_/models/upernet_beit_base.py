"""BEiT-B (arXiv 2106.08254) with UPerNet and an auxiliary FCN head, on a pyramid made of four of its blocks.

Weights: pretrained and fine-tuned on ImageNet-22k at 224x224; the position tables are resized to crops of 512x512.
The tables belong to that size, so that larger images are tested in windows.
"""

_base_ = ['upernet_swin_base.py']
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    pretrained='pretrained/beit_base_patch16_224_pt22k_ft22k.pth',
    backbone=dict(
        _delete_=True,
        type='BEiT',
        img_size=(512, 512),
        patch_size=16,
        embed_dims=768,
        num_layers=12,
        num_heads=12,
        mlp_ratio=4,
        out_indices=(3, 5, 7, 11),
        qv_bias=True,
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-6),
        init_values=0.1,  # overwritten by the pretrained factors
    ),
    neck=dict(type='Feature2Pyramid', embed_dim=768, rescales=[4, 2, 1, 0.5], norm_cfg=norm_cfg),
    decode_head=dict(in_channels=[768, 768, 768, 768], channels=768),
    auxiliary_head=dict(in_channels=768),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)
