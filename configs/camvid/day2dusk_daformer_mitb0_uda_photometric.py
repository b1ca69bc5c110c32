"""What photometric augmentation does: day2dusk_daformer_mitb0_uda.py with distorted colours of the source images."""

_base_ = ['day2dusk_daformer_mitb0_uda.py']
distorted_pipeline = [
    *_base_.load_labelled,
    *_base_.crop,
    dict(type='PhotoMetricDistortion'),
    *_base_.normalise,
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
data = dict(train=dict(source=dict(pipeline=distorted_pipeline)))
name = 'day2dusk_daformer_mitb0_uda_photometric'
