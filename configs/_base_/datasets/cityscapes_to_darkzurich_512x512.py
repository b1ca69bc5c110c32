"""Cityscapes with its labels, tested on Dark Zurich (night; halved to 960x540): source-only runs.

Dark Zurich's test labels are held back by its server; ``val`` and ``test`` here are both its validation set.
"""

_base_ = ['cityscapes_half_512x512.py']
dark_zurich_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(960, 540),
        flip=False,
        transforms=_base_.test_pipeline[1]['transforms'],
    ),
]
dark_zurich_val = dict(
    type='DarkZurichDataset',
    data_root='data/dark_zurich',
    img_dir='rgb_anon/val',
    ann_dir='gt/val',
    pipeline=dark_zurich_test_pipeline,
)
data = dict(val=dark_zurich_val, test=dark_zurich_val)
