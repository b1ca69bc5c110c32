"""Cityscapes with labels -> ACDC without, at full resolution: crops of 1024x1024.

ACDC's test labels are held back by its server; ``val`` and ``test`` here are both its validation set.
"""

_base_ = ['cityscapesHR_1024x1024.py']
acdc_target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', img_scale=(1920, 1080)),
    *_base_.target_crop_steps,
]
acdc_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(1920, 1080),
        flip=False,
        transforms=_base_.test_pipeline[1]['transforms'],
    ),
]
acdc_val = dict(
    _delete_=True,
    type='ACDCDataset',
    data_root='data/acdc',
    img_dir='rgb_anon/val',
    ann_dir='gt/val',
    pipeline=acdc_test_pipeline,
)
data = dict(
    train=dict(
        _delete_=True,
        type='UDADataset',
        source=_base_.data.train,
        target=dict(
            type='ACDCDataset',
            data_root='data/acdc',
            img_dir='rgb_anon/train',
            pipeline=acdc_target_pipeline,
        ),
    ),
    val=acdc_val,
    test=acdc_val,
)
