"""MIC(DAFormer), GTA -> Cityscapes: DAFormer, and the masked target images (arXiv 2212.01322).

    python run_experiments.py --config configs/mic/gta2cs_mic_daformer.py

Compare with DAFormer alone: 68.3 mIoU on the Cityscapes validation set (mean of seeds 0, 1, 2), from the student. The
paper has about 70.6 with masked images; that number is recalled, not read again. The published runs were made on one
RTX 2080 Ti (11 GB); their hours are not known. One more forward and backward pass of the student than DAFormer,
descended alone: no more memory where passes are not fused.

Needs data/gta and data/cityscapes (converted once, see docs/data.md) and pretrained/mit_b5.pth.
"""

_base_ = [
    '../daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py',
    '../_base_/uda/mic_term.py',
]
# Pseudo-labels are those of the mixed images: the same teacher, and the same threshold.
uda = dict(terms=[dict(_base_.masked_images, block_size=32, alpha='same', pseudo_threshold='same')])
name = 'gta2cs_mic_daformer'
name_uda = 'dacs_a999_fdthings_rcs0.01_cpl_m32-0.7-spta'
