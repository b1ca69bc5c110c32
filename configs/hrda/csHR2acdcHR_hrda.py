"""HRDA, Cityscapes -> ACDC at full resolution (arXiv 2204.13132).

    python run_experiments.py --config configs/hrda/csHR2acdcHR_hrda.py

The paper's number is of the test set, whose labels its server keeps; none is published for the validation set, which
a run is evaluated on.
The published runs took 32 hours and 22.5 GB each on one Titan RTX (24 GB).

Needs data/cityscapes (converted once, see docs/data.md), data/acdc and pretrained/mit_b5.pth.
"""

_base_ = [
    '../_base_/datasets/uda_cityscapesHR_to_acdcHR_1024x1024.py',
    '../_base_/recipes/hrda_1024x1024.py',
]
seed = 0  # the paper gives the mean over seeds 0, 1 and 2
data = dict(train=dict(rare_class_sampling=_base_.rare_classes))
name = 'csHR2acdcHR_hrda'
name_dataset = 'cityscapesHR2acdcHR_1024x1024'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0'
