"""CLUDA on DAFormer, GTA -> Cityscapes: pixel contrast in one resolution (arXiv 2208.14227).

    python run_experiments.py --config configs/cluda/gta2cs_cluda_daformer.py

The paper: 70.1 mIoU on the Cityscapes validation set (DAFormer alone: 68.3), from the student. This config has not been
run to its end, and the published code does not run with this network. Hours and memory of the published runs are not
known; more memory than DAFormer's where passes are not fused, for source and mixed images are descended together.

Needs data/gta and data/cityscapes (converted once, see docs/data.md) and pretrained/mit_b5.pth.
"""

_base_ = [
    '../daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py',
    '../_base_/uda/cluda_term.py',
]
uda = dict(terms=[_base_.contrast])
name = 'gta2cs_cluda_daformer'
name_uda = 'dacs_a999_fdthings_rcs0.01_cpl_cluda1'
