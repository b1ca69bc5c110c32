"""CLUDA on HRDA, Synthia -> Cityscapes at full resolution: pixel contrast in two resolutions (arXiv 2208.14227).

    python run_experiments.py --config configs/cluda/synHR2csHR_cluda_hrda.py

The paper: 66.8 mIoU over 16 classes on the Cityscapes validation set (standard deviation 0.44; 67.2 in the abstract of
its first version), from the student.
This config has not been run to its end. From iteration 12000 on, the detail crops of the mixed images lie where the
context is uncertain, each image's at a place of its own. Hours and memory of the published runs are not known; more
memory than HRDA's, for source and mixed images are descended together.

Needs what configs/hrda/synHR2csHR_hrda.py needs.
"""

_base_ = ['../hrda/synHR2csHR_hrda.py', '../_base_/uda/cluda_term.py']
model = dict(decode_head=_base_.cluda_head)  # HRDA's with another fusion, and weights of the contrast
uda = dict(terms=[_base_.contrast_of_two, _base_.uncertain_detail])
name = 'synHR2csHR_cluda_hrda'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_cpl2_cluda2'
