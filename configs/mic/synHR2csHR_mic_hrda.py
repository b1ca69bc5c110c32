"""MIC(HRDA), Synthia -> Cityscapes at full resolution: HRDA, and masked images (arXiv 2212.01322).

    python run_experiments.py --config configs/mic/synHR2csHR_mic_hrda.py

Expect 67.3 mIoU over 16 classes on the Cityscapes validation set (HRDA alone: 65.8), from the student.
The published runs were made on one Titan RTX (24 GB); their hours are not known. One more forward and backward pass of
the student than HRDA, descended alone.

Needs what configs/hrda/synHR2csHR_hrda.py needs.
"""

_base_ = ['../hrda/synHR2csHR_hrda.py', '../_base_/uda/mic_term.py']
uda = dict(terms=[_base_.masked_images])
name = 'synHR2csHR_mic_hrda'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_cpl2_m64-0.7-spta'
