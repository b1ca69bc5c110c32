"""Synthia (2560x1520) with labels -> Cityscapes without, at full resolution: crops of 1024x1024.

Synthia has no terrain, truck and train: compare the means over 16 and 13 classes.
"""

_base_ = ['uda_gtaHR_to_cityscapesHR_1024x1024.py']
synthia_train_pipeline = [
    *_base_.gta_train_pipeline[:2],
    dict(type='Resize', img_scale=(2560, 1520)),
    *_base_.gta_train_pipeline[3:],
]
data = dict(
    train=dict(
        source=dict(
            type='SynthiaDataset',
            data_root='data/synthia',
            img_dir='RGB',
            ann_dir='GT/LABELS',
            pipeline=synthia_train_pipeline,
        ),
    ),
)
