"""The encoder of MAE-B (arXiv 2111.06377) with UPerNet and an auxiliary FCN head.

Weights: pretrained on ImageNet-1k without labels. What segmentation adds to that network (relative positions, factors
of the branches) starts without effect.
"""

_base_ = ['upernet_beit_base.py']
model = dict(
    pretrained='pretrained/mae_base.pth',
    backbone=dict(
        _delete_=True,
        type='MAE',
        img_size=(512, 512),
        patch_size=16,
        embed_dims=768,
        num_layers=12,
        num_heads=12,
        mlp_ratio=4,
        out_indices=(3, 5, 7, 11),
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-6),
        init_values=1.0,  # the file has no such factors: with 0.1, every pretrained branch would count a tenth
    ),
)
