"""GTA (resized to 1280x720, crops of 512x512) with its labels, tested on Cityscapes: the source-only runs."""

_base_ = ['cityscapes_half_512x512.py']
gta_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(1280, 720)),
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
        type='GTADataset',
        data_root='data/gta',
        img_dir='images',
        ann_dir='labels',
        pipeline=gta_train_pipeline,
    ),
)
