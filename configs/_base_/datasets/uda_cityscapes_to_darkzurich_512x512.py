"""Cityscapes with labels -> Dark Zurich without: pairs of one source and one target crop of 512x512."""

_base_ = ['cityscapes_to_darkzurich_512x512.py']
dark_zurich_target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', img_scale=(960, 540)),
    *_base_.cityscapes_target_pipeline[2:],
]
data = dict(
    train=dict(
        _delete_=True,
        type='UDADataset',
        source=_base_.data.train,
        target=dict(
            type='DarkZurichDataset',
            data_root='data/dark_zurich',
            img_dir='rgb_anon/train/night',
            pipeline=dark_zurich_target_pipeline,
        ),
    ),
)
