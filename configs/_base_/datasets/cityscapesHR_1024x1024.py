"""Cityscapes at full resolution (2048x1024), crops of 1024x1024, with its labels: "target-only" runs of HRDA's study.

Every pair of domains at full resolution starts from this file.
"""

_base_ = ['cityscapes_half_512x512.py']
crop_size = (1024, 1024)
crop_steps = [
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Normalize', **_base_.img_norm_cfg),
    dict(type='Pad', size=crop_size, pad_val=0, seg_pad_val=255),
    dict(type='DefaultFormatBundle'),
]
# As a target of adaptation: no choice of a crop by its labels.
target_crop_steps = [
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Normalize', **_base_.img_norm_cfg),
    dict(type='Pad', size=crop_size, pad_val=0, seg_pad_val=255),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img']),
]
cityscapes_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(2048, 1024)),
    *crop_steps,
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
cityscapes_target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', img_scale=(2048, 1024)),
    *target_crop_steps,
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(2048, 1024),
        flip=False,
        transforms=_base_.test_pipeline[1]['transforms'],
    ),
]
data = dict(
    train=dict(pipeline=cityscapes_train_pipeline),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
