"""CamVid: 119 labelled day frames -> 62 dusk frames without labels, tested on 34 other dusk frames; 11 classes.

Frames are 480x360. Training sees crops of 224x160 at 0.5 to 1 times that size; testing sees whole frames at 352x264 and
scores them at 480x360. Folders: ``camvid_day/{images,labels}``, ``camvid_dusk/{train,trainannot,val,valannot}`` below
data/camvid, or below the folder that the environment variable MMSEG_REAL_DATA names.
"""

data_root = '{{$MMSEG_REAL_DATA:data/camvid}}'
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
crop_size = (160, 224)  # height, width
load_labelled = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
load_unlabelled = [dict(type='LoadImageFromFile')]
crop = [
    dict(type='Resize', img_scale=(480, 360), ratio_range=(0.5, 1.0)),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
]
normalise = [
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size=crop_size, pad_val=0, seg_pad_val=255),
    dict(type='DefaultFormatBundle'),
]
labelled_pipeline = [*load_labelled, *crop, *normalise, dict(type='Collect', keys=['img', 'gt_semantic_seg'])]
unlabelled_pipeline = [*load_unlabelled, *crop, *normalise, dict(type='Collect', keys=['img'])]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(352, 264),
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=True),
            dict(type='RandomFlip'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img']),
        ],
    ),
]
camvid = dict(type='CustomDataset', data_root=data_root, img_suffix='.png', label_set='camvid11')
day_train = dict(**camvid, img_dir='camvid_day/images', ann_dir='camvid_day/labels', pipeline=labelled_pipeline)
dusk_train = dict(**camvid, img_dir='camvid_dusk/train', pipeline=unlabelled_pipeline)
dusk_train_labelled = dict(
    **camvid, img_dir='camvid_dusk/train', ann_dir='camvid_dusk/trainannot', pipeline=labelled_pipeline
)
dusk_val = dict(**camvid, img_dir='camvid_dusk/val', ann_dir='camvid_dusk/valannot', pipeline=test_pipeline)
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=1,
    train=dict(type='UDADataset', source=day_train, target=dusk_train),
    val=dusk_val,
    test=dusk_val,
)
