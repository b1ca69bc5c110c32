"""HRDA on the toy pair drawn at 512x256: twice the resolution of large_daformer.py, which HRDA's context has.

Pictures are seen at 384x192, in crops of 192x192 with a detail crop of 96x96; everything else is as in
large_daformer.py.
"""

_base_ = ['large_daformer.py']
size = (384, 192)  # width, height
crop = [
    dict(type='Resize', img_scale=size),
    dict(type='RandomCrop', crop_size=(192, 192)),
    *_base_.crop[2:],  # flip, normalise, bundle
]
game = dict(pipeline=[*_base_.load_labelled, *crop, dict(type='Collect', keys=['img', 'gt_semantic_seg'])])
camera = dict(pipeline=[*_base_.load_unlabelled, *crop, dict(type='Collect', keys=['img'])])
camera_val = dict(pipeline=[_base_.test_pipeline[0], {**_base_.test_pipeline[1], 'img_scale': size}])
model = dict(
    type='HRDAEncoderDecoder',
    decode_head=dict(type='HRDAHead', single_scale_head='DAFormerHead', attention_embed_dim=64),
    hr_crop_size=(96, 96),
)
data = dict(
    # crops have four times the pixels
    train=dict(source=game, target=camera, rare_class_sampling=dict(min_crop_ratio=0.5)),
    val=camera_val,
    test=camera_val,
)
uda = dict(pseudo_weight_ignore_bottom=14)
name = 'large_hrda'
