"""MIC(HRDA), Cityscapes -> ACDC at full resolution: HRDA, and masked images (arXiv 2212.01322).

    python run_experiments.py --config configs/mic/csHR2acdcHR_mic_hrda.py

The paper's number is of the test set, whose labels its server keeps.
The published runs were made on one Titan RTX (24 GB); their hours are not known. One more forward and backward pass of
the student than HRDA, descended alone.

Needs what configs/hrda/csHR2acdcHR_hrda.py needs.
"""

_base_ = ['../hrda/csHR2acdcHR_hrda.py', '../_base_/uda/mic_term.py']
uda = dict(terms=[dict(_base_.masked_images, mode='separate')])  # one source and one target image, as they are
name = 'csHR2acdcHR_mic_hrda'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_m64-0.7-sep'
