"""CLUDA on HRDA, GTA -> Cityscapes at full resolution: pixel contrast in two resolutions (arXiv 2208.14227).

    python run_experiments.py --config configs/cluda/gtaHR2csHR_cluda_hrda.py

The paper: 74.4 mIoU on the Cityscapes validation set (standard deviation 0.32), from the student.
This config has not been run to its end. From iteration 12000 on, the detail crops of the mixed images lie where the
context is uncertain, each image's at a place of its own. Hours and memory of the published runs are not known; more
memory than HRDA's, for source and mixed images are descended together.

Needs what configs/hrda/gtaHR2csHR_hrda.py needs.
"""

_base_ = ['../hrda/gtaHR2csHR_hrda.py', '../_base_/uda/cluda_term.py']
model = dict(decode_head=_base_.cluda_head)  # HRDA's with another fusion, and weights of the contrast
uda = dict(terms=[_base_.contrast_of_two, _base_.uncertain_detail])
name = 'gtaHR2csHR_cluda_hrda'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_cpl2_cluda2'
