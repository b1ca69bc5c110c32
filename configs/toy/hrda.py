"""HRDA on the toy pair: pictures at their full 512x256, in crops of 256x256 with a detail crop of 128x128.

Everything else is as in daformer.py, whose crops of 192x192 are between context and detail.
"""

_base_ = ['daformer.py']
size = (512, 256)  # width, height
crop = [
    dict(type='Resize', img_scale=size),
    dict(type='RandomCrop', crop_size=(256, 256)),
    *_base_.crop[2:],  # flip, normalise, bundle
]
game = dict(pipeline=[*_base_.load_labelled, *crop, dict(type='Collect', keys=['img', 'gt_semantic_seg'])])
camera = dict(pipeline=[*_base_.load_unlabelled, *crop, dict(type='Collect', keys=['img'])])
camera_val = dict(pipeline=[_base_.test_pipeline[0], {**_base_.test_pipeline[1], 'img_scale': size}])
model = dict(
    type='HRDAEncoderDecoder',
    decode_head=dict(type='HRDAHead', single_scale_head='DAFormerHead', attention_embed_dim=64),
    hr_crop_size=(128, 128),
)
data = dict(
    # crops have 16/9 of the pixels
    train=dict(source=game, target=camera, rare_class_sampling=dict(min_crop_ratio=0.45)),
    val=camera_val,
    test=camera_val,
)
uda = dict(pseudo_weight_ignore_bottom=18)
name = 'hrda'
