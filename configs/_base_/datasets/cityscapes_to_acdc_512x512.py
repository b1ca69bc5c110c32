"""Cityscapes with its labels, tested on ACDC (fog, night, rain, snow; halved to 960x540): source-only runs.

ACDC's test labels are held back by its server; ``val`` and ``test`` here are both its validation set.
"""

_base_ = ['cityscapes_half_512x512.py']
acdc_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(960, 540),
        flip=False,
        transforms=_base_.test_pipeline[1]['transforms'],
    ),
]
acdc_val = dict(
    type='ACDCDataset',
    data_root='data/acdc',
    img_dir='rgb_anon/val',
    ann_dir='gt/val',
    pipeline=acdc_test_pipeline,
)
data = dict(val=acdc_val, test=acdc_val)
