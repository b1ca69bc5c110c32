"""MIC(DAFormer), GTA -> Cityscapes: DAFormer, and the masked target images (arXiv 2212.01322).

    python run_experiments.py --config configs/mic/gta2cs_mic_daformer.py

Expect 70.6 mIoU on the Cityscapes validation set (the paper's table of methods, mean of seeds 0, 1, 2; DAFormer alone:
68.3), from the student. The published runs were made on one RTX 2080 Ti (11 GB); their hours are not known. One more
forward and backward pass of the student than DAFormer, descended alone: no more memory where passes are not fused.

Needs data/gta and data/cityscapes (converted once, see README, "Data") and pretrained/mit_b5.pth.
"""

_base_ = ['../daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py']
uda = dict(
    terms=[
        dict(
            type='MaskedConsistency',
            mode='separatetrgaug',  # target images, with colour jitter and blur before they are masked
            block_size=32,  # side of a block in pixels; 64 at full resolution
            ratio=0.7,  # of the blocks are removed
            weight=1.0,  # lambda_M
            alpha='same',  # pseudo-labels are those of the mixed images:
            pseudo_threshold='same',  # the same teacher, and the same threshold
        )
    ],
)
name = 'gta2cs_mic_daformer'
name_uda = 'dacs_a999_fdthings_rcs0.01_cpl_m32-0.7-spta'
