"""GTA with its labels, tested on three sets it has never seen, each by name: Cityscapes, BDD100K and Mapillary Vistas.

Crops of 512x512 of GTA at 1280x720 times 0.5 to 2. Sizes of testing: 2048x1024 for Cityscapes and within that for
Mapillary, whose images have many sizes, 1280x720 for BDD100K. Published numbers differ by two points through the size
alone: it is printed with every result.
"""

_base_ = ['gta_to_cityscapes_512x512.py']
steps = _base_.gta_train_pipeline
gta_train_pipeline = [
    *steps[:2],  # image and label
    dict(type='Resize', img_scale=(1280, 720), ratio_range=(0.5, 2.0)),
    *steps[3:5],  # crop and flip
    dict(type='PhotoMetricDistortion'),
    *steps[5:],
]
views = dict(type='MultiScaleFlipAug', flip=False, transforms=_base_.test_pipeline[1]['transforms'])
full_pipeline = [dict(type='LoadImageFromFile'), dict(img_scale=(2048, 1024), **views)]
bdd_pipeline = [dict(type='LoadImageFromFile'), dict(img_scale=(1280, 720), **views)]
unseen = dict(
    cityscapes={**_base_.cityscapes_val, 'pipeline': full_pipeline},
    bdd=dict(
        type='ReadyDataset',
        name='bdd100k',
        data_root='data/bdd100k',
        img_dir='images/10k/val',
        ann_dir='labels/sem_seg/masks/val',
        pipeline=bdd_pipeline,
    ),
    mapillary=dict(
        type='ReadyDataset',
        name='mapillary',
        data_root='data/mapillary',
        img_dir='validation/images',
        ann_dir='validation/labels',
        pipeline=full_pipeline,
    ),
)
data = dict(
    train=dict(pipeline=gta_train_pipeline),
    val=dict(_delete_=True, **unseen),
    test=dict(_delete_=True, **unseen),
)
