"""SYNTHIA-RAND-CITYSCAPES (1280x760, crops of 512x512) with its labels, tested on Cityscapes: source-only runs.

Synthia has no terrain, truck and train: compare the means over 16 and 13 classes.
"""

_base_ = ['cityscapes_half_512x512.py']
synthia_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(1280, 760)),
    dict(type='RandomCrop', crop_size=_base_.crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Normalize', **_base_.img_norm_cfg),
    dict(type='Pad', size=_base_.crop_size, pad_val=0, seg_pad_val=255),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
data = dict(
    train=dict(
        _delete_=True,
        type='SynthiaDataset',
        data_root='data/synthia',
        img_dir='RGB',
        ann_dir='GT/LABELS',
        pipeline=synthia_train_pipeline,
    ),
)
