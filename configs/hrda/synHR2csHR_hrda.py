"""HRDA, Synthia -> Cityscapes at full resolution (arXiv 2204.13132).

    python run_experiments.py --config configs/hrda/synHR2csHR_hrda.py

Expect 65.8 mIoU over 16 classes on the Cityscapes validation set (mean of seeds 0, 1, 2), from the student.
The published runs took 32 hours and 22.5 GB each on one Titan RTX (24 GB).

Needs data/synthia and data/cityscapes (converted once, see docs/data.md) and pretrained/mit_b5.pth.
"""

_base_ = [
    '../_base_/datasets/uda_synthiaHR_to_cityscapesHR_1024x1024.py',
    '../_base_/recipes/hrda_1024x1024.py',
]
seed = 0  # the paper gives the mean over seeds 0, 1 and 2
data = dict(train=dict(rare_class_sampling=_base_.rare_classes, pseudo_margins=_base_.cityscapes_margins))
name = 'synHR2csHR_hrda'
name_dataset = 'synthiaHR2cityscapesHR_1024x1024'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_cpl2'
