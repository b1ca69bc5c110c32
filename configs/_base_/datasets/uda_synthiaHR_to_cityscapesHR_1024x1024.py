"""Synthia (2560x1520) with labels -> Cityscapes without, at full resolution: crops of 1024x1024.

Synthia has no terrain, truck and train: compare the means over 16 and 13 classes.
"""

_base_ = ['cityscapesHR_1024x1024.py']
synthia_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(2560, 1520)),
    *_base_.crop_steps,
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
data = dict(
    train=dict(
        _delete_=True,
        type='UDADataset',
        source=dict(
            type='SynthiaDataset',
            data_root='data/synthia',
            img_dir='RGB',
            ann_dir='GT/LABELS',
            pipeline=synthia_train_pipeline,
        ),
        target=dict(
            type='CityscapesDataset',
            data_root='data/cityscapes',
            img_dir='leftImg8bit/train',
            pipeline=_base_.cityscapes_target_pipeline,
        ),
    ),
)
