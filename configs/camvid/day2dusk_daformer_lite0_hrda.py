"""HRDA on CamVid, day -> dusk: day2dusk_daformer_lite0_uda.py with a context and a detail crop.

Crops of 448x320 at 0.75 to 1 times the files' size: the context sees them at half, which is a crop of 224x160 as the
other runs have, and the detail crop is a 224x160 window of them. Testing sees frames at their own size, 480x360.
"""

_base_ = ['day2dusk_daformer_lite0_uda.py']
crop_size = (320, 448)  # height, width
crop = [
    dict(type='Resize', img_scale=(480, 360), ratio_range=(0.75, 1.0)),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.crop[2:],  # flip
]
normalise = [_base_.normalise[0], dict(type='Pad', size=crop_size, pad_val=0, seg_pad_val=255), *_base_.normalise[2:]]
labelled_pipeline = [*_base_.load_labelled, *crop, *normalise, dict(type='Collect', keys=['img', 'gt_semantic_seg'])]
unlabelled_pipeline = [*_base_.load_unlabelled, *crop, *normalise, dict(type='Collect', keys=['img'])]
test_pipeline = [_base_.test_pipeline[0], {**_base_.test_pipeline[1], 'img_scale': (480, 360)}]
model = dict(
    type='HRDAEncoderDecoder',
    decode_head=dict(type='HRDAHead', single_scale_head='DAFormerHead', attention_embed_dim=64),
    hr_crop_size=(160, 224),
)
data = dict(
    train=dict(
        source=dict(pipeline=labelled_pipeline),
        target=dict(pipeline=unlabelled_pipeline),
        # crops have about twice the pixels of a class: four times the area at a scale of 0.875 instead of 0.75
        rare_class_sampling=dict(min_crop_ratio=0.5),
    ),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
name = 'day2dusk_daformer_lite0_hrda'
