"""Domain generalisation from GTA: labelled images in many colours, and the mean of all students is tested.

Published recipes (SoMA, Yun et al., 2025; Rein, Wei et al., 2024): DINOv2-L, crops of 512x512 of images times 0.5 to 2,
photometric distortion, batches of 4, AdamW with rate 1e-4 (encoder half of that in SoMA) and weight decay 0.05,
polynomial decay of power 0.9, 40000 iterations, Mask2Former's head, a mean of the weights from iteration 12000 on
(SoMA), tests in windows of 512x512 every 341 pixels.

Not as published: the head (a pyramid of four blocks and DAFormer's fusion; Mask2Former's is not here), jitter and blur
besides the distortion, weight decay that stays as it is (SoMA's falls to 1e-5), a mean from the first iteration on,
patches of 14 at 518/512 of the size (published: the patch embedding is made one of 16).
"""

_base_ = ['adamw_40k.py', '../datasets/gta_to_cityscapes_bdd_mapillary_512x512.py']
uda = dict(type='AugmentedSource', alpha=0.999, augment_scope='image', color_jitter_strength=0.4)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='TimmBackbone',
        model_name='vit_large_patch14_dinov2.lvd142m',
        pretrained='timm',
        out_indices=(7, 11, 15, 23),
        input_scale=518 / 512,  # 37 x 37 patches of 14
    ),
    neck=dict(
        type='Feature2Pyramid', embed_dim=1024, rescales=[4, 2, 1, 0.5], norm_cfg=dict(type='BN', requires_grad=True)
    ),
    decode_head=dict(
        type='DAFormerHead',
        in_channels=[1024] * 4,
        in_index=[0, 1, 2, 3],
        channels=256,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=dict(type='BN', requires_grad=True),
        align_corners=False,
        decoder_params=dict(
            embed_dims=256,
            embed_cfg=dict(type='mlp', act_cfg=None, norm_cfg=None),
            embed_neck_cfg=dict(type='mlp', act_cfg=None, norm_cfg=None),
            fusion_cfg=dict(
                type='aspp',
                sep=True,
                dilations=(1, 6, 12, 18),
                pool=False,
                act_cfg=dict(type='ReLU'),
                norm_cfg=dict(type='BN', requires_grad=True),
            ),
        ),
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)
data = dict(samples_per_gpu=4)
optimizer = dict(
    lr=1e-4, weight_decay=0.05, paramwise_cfg=dict(_delete_=True, custom_keys=dict(backbone=dict(lr_mult=0.5)))
)
lr_config = dict(policy='poly', power=0.9, min_lr=0.0, by_epoch=False)
evaluation = dict(interval=4000, metric='mIoU', weights='teacher')
checkpoint_config = dict(by_epoch=False, interval=4000, max_keep_ckpts=1, learned_only=True)
exp = 'dg'
name_dataset = 'gta2cityscapes_bdd_mapillary'
name_encoder = 'dinov2_l'
name_decoder = 'pyramid_daformer_sepaspp'
name_opt = 'adamw_1e-4_poly09_1x4_40k'
