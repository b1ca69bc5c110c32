"""Cityscapes with labels -> ACDC without: pairs of one source and one target crop of 512x512."""

_base_ = ['cityscapes_to_acdc_512x512.py']
acdc_target_pipeline = [
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
            type='ACDCDataset',
            data_root='data/acdc',
            img_dir='rgb_anon/train',
            pipeline=acdc_target_pipeline,
        ),
    ),
)
