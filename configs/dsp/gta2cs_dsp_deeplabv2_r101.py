"""DSP, GTA -> Cityscapes, with DeepLabV2 on ResNet-101: the network and schedule of the paper (arXiv 2107.09600).

    python run_experiments.py --config configs/dsp/gta2cs_dsp_deeplabv2_r101.py

The paper reports 55.0 mIoU (best checkpoint on the validation set), starting from COCO weights; this starts from
ImageNet weights and keeps the last checkpoint, so expect less. What differs from the released program:
docs/variants.md.

Needs data/gta, data/cityscapes and the ImageNet weights that the model names.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/deeplabv2_r50-d8.py',
    '../_base_/datasets/uda_gta_to_cityscapes_512x512.py',
    '../_base_/uda/dsp.py',
    '../_base_/uda/plus_gta.py',
]
seed = 0
model = dict(pretrained='open-mmlab://resnet101_v1c', backbone=dict(depth=101))
data = dict(samples_per_gpu=2, train=dict(second_source=True, long_tail_paste=_base_.long_tail))
optimizer = dict(type='SGD', lr=2.5e-4, momentum=0.9, weight_decay=5e-4)
optimizer_config = None
lr_config = dict(policy='poly', power=0.9, min_lr=0.0, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=250000)
checkpoint_config = dict(by_epoch=False, interval=10000, max_keep_ckpts=1)
evaluation = dict(interval=10000, metric='mIoU')
