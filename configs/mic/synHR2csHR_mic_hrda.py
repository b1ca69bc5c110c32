"""MIC(HRDA), Synthia -> Cityscapes at full resolution: HRDA, and masked images (arXiv 2212.01322).

    python run_experiments.py --config configs/mic/synHR2csHR_mic_hrda.py

Expect more than the 65.8 mIoU over 16 classes that HRDA has on the Cityscapes validation set, from the student.
The published runs were made on one Titan RTX (24 GB); their hours are not known. One more forward and backward pass of
the student than HRDA, descended alone.

Needs what configs/hrda/synHR2csHR_hrda.py needs.
"""

_base_ = ['../hrda/synHR2csHR_hrda.py']
uda = dict(
    terms=[
        dict(
            type='MaskedConsistency',
            mode='separatetrgaug',  # target images, with colour jitter and blur before they are masked
            block_size=64,  # side of a block in pixels
            ratio=0.7,  # of the blocks are removed
            weight=1.0,  # lambda_M of the fused loss; the detail loss keeps its weight
        )
    ],
)
name = 'synHR2csHR_mic_hrda'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_cpl2_m64-0.7-spta'
