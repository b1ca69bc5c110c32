"""What the recipes of VFM-UDA (Englert et al., 2024) and VFM-UDA++ (2025) have in common, GTA -> Cityscapes.

Crops of 1024x1024 of images at full resolution, times 0.9 to 1.1; batches of 8 (4 GPUs with 2 each); AdamW with rates
times the square root of 8; linear warm-up of 1500 iterations, linear decay to 0; a mean teacher, which labels the mean
of an image and of its mirror image; classes mixed and colours changed image by image; rare classes with 20 tries.

Not as published: bf16 instead of fp16; source images keep their colours (published: strong jitter, grey, blur), and
mixed ones change as in DACS; pseudo-labels are weighed for a whole batch; the test's windows, whose stride is not known
to us.
"""

_base_ = ['adamw_40k.py', '../uda/dacs.py', '../datasets/uda_gtaHR_to_cityscapesHR_1024x1024.py']
source_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(2560, 1440), ratio_range=(0.9, 1.1)),
    *_base_.crop_steps,
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', img_scale=(2048, 1024), ratio_range=(0.9, 1.1)),
    *_base_.target_crop_steps,
]
n_gpus = 4
precision = 'bf16'
data = dict(
    samples_per_gpu=2,
    train=dict(
        source=dict(pipeline=source_pipeline),
        target=dict(pipeline=target_pipeline),
        rare_class_sampling=dict(min_pixels=3000, class_temp=0.01, min_crop_ratio=2.0, tries=20),
        pseudo_margins=['3%', '25%', '3%', '3%'],  # top, bottom, left, right of the file
    ),
)
uda = dict(alpha=0.999, mix_scope='image', augment_scope='image', pseudo_flip=True)
lr_config = dict(
    policy='poly', warmup='linear', warmup_iters=1500, warmup_ratio=1e-3, power=1.0, min_lr=0.0, by_epoch=False
)
optimizer = dict(
    lr=5e-5 * 8**0.5,  # of what is not the encoder
    weight_decay=0.01,
    paramwise_cfg=dict(_delete_=True, custom_keys={'backbone': dict(lr_mult=0.1)}),
)
exp = 'vfm'
name_dataset = 'gtaHR2cityscapesHR_1024x1024'
