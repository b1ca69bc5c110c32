"""DAFormer on the toy pair: drawn streets of a game -> of a camera, a few minutes on a laptop.

    mmseg toy
    mmseg train toy/daformer

(`mmseg quickstart` does all of it.) Self-training with class mix (DACS), rare class sampling and warm-up. What to
expect, and what each part contributes: docs/toy.md.
"""

_base_ = ['toy_base.py', '../_base_/uda/dacs.py']
data = dict(
    train=dict(
        _delete_=True,
        type='UDADataset',
        source=_base_.game_train,
        target=_base_.camera_train,
        # a class counts as shown from 160 pixels of a picture on, and a crop is taken with more than 40 of them
        rare_class_sampling=dict(min_pixels=160, class_temp=0.1, min_crop_ratio=0.25),
    ),
)
uda = dict(
    pseudo_threshold=0.8,  # a short run never gets as sure as 40000 iterations make it
    pseudo_weight_ignore_bottom=14,  # the own car, which no class covers
    color_jitter_strength=0.3,
    debug_img_interval=200,
)
lr_config = dict(warmup='linear', warmup_iters=50, warmup_ratio=1e-6)
name = 'daformer'
