"""Cityscapes with labels -> Dark Zurich without, at full resolution: crops of 1024x1024.

Dark Zurich's test labels are held back by its server; ``val`` and ``test`` here are both its validation set.
"""

_base_ = ['cityscapesHR_1024x1024.py']
darkzurich_target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', img_scale=(1920, 1080)),
    *_base_.target_crop_steps,
]
darkzurich_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(1920, 1080),
        flip=False,
        transforms=_base_.test_pipeline[1]['transforms'],
    ),
]
darkzurich_val = dict(
    _delete_=True,
    type='DarkZurichDataset',
    data_root='data/dark_zurich',
    img_dir='rgb_anon/val',
    ann_dir='gt/val',
    pipeline=darkzurich_test_pipeline,
)
data = dict(
    train=dict(
        _delete_=True,
        type='UDADataset',
        source=_base_.data.train,
        target=dict(
            type='DarkZurichDataset',
            data_root='data/dark_zurich',
            img_dir='rgb_anon/train/night',
            pipeline=darkzurich_target_pipeline,
        ),
    ),
    val=darkzurich_val,
    test=darkzurich_val,
)
