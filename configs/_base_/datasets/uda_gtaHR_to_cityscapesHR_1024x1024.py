"""GTA (2560x1440) with labels -> Cityscapes without, at full resolution: crops of 1024x1024."""

_base_ = ['cityscapesHR_1024x1024.py']
gta_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(2560, 1440)),
    *_base_.crop_steps,
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
data = dict(
    train=dict(
        _delete_=True,
        type='UDADataset',
        source=dict(
            type='GTADataset',
            data_root='data/gta',
            img_dir='images',
            ann_dir='labels',
            pipeline=gta_train_pipeline,
        ),
        target=dict(
            type='CityscapesDataset',
            data_root='data/cityscapes',
            img_dir='leftImg8bit/train',
            pipeline=_base_.cityscapes_target_pipeline,
        ),
    ),
)
