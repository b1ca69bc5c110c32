"""DAFormer's training on real images that a laptop can hold: CamVid by day -> CamVid at dusk, MiT-B0 from scratch.

    python run_experiments.py --config configs/camvid/day2dusk_daformer_mitb0_uda.py

Self-training with class mix, rare class sampling and warm-up. What to expect: docs/real_data.md.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/daformer_sepaspp_mitb0_small.py',
    '../_base_/datasets/uda_camvid_day_to_dusk_224x160.py',
    '../_base_/uda/dacs.py',
    '../_base_/schedules/adamw.py',
    '../_base_/schedules/poly10warm.py',
]
seed = 0
model = dict(decode_head=dict(num_classes=11))
data = dict(
    train=dict(
        # frames are small: a class counts as shown from 300 pixels on, and a crop is taken with more than 75 of them
        rare_class_sampling=dict(min_pixels=300, class_temp=0.1, min_crop_ratio=0.25),
    ),
)
uda = dict(debug_img_interval=250)
optimizer = dict(lr=3e-4, paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=5.0), norm=dict(decay_mult=0.0))))
lr_config = dict(warmup_iters=100)
runner = dict(type='IterBasedRunner', max_iters=1000)
checkpoint_config = dict(by_epoch=False, interval=500, max_keep_ckpts=1)
evaluation = dict(interval=500, metric='mIoU')
name = 'day2dusk_daformer_mitb0_uda'
exp = 'camvid'
