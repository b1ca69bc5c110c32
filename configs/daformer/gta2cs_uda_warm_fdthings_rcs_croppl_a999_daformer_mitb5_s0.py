"""DAFormer, GTA -> Cityscapes, all components: the last row of the paper's Table 7 (arXiv 2111.14887).

    python run_experiments.py --config configs/daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py

Expect 68.3 +- 0.5 mIoU on the Cityscapes validation set (mean of seeds 0, 1, 2; single runs between 66 and 69 are
reported), from the student. The published run took 16 hours and 9.7 GB on one RTX 2080 Ti.

Needs data/gta and data/cityscapes (converted once, see docs/data.md) and pretrained/mit_b5.pth.
"""

_base_ = [
    '../_base_/models/daformer_sepaspp_mitb5.py',  # MiT-B5 and the context-aware fusion of all its stages
    # DACS with slow teacher, rare class sampling, thing-class feature distance, warm-up, pseudo-label crop
    '../_base_/recipes/daformer_gta_to_cityscapes.py',
]
seed = 0  # the paper gives the mean over seeds 0, 1 and 2
# What the run is called in its work directory and in tables; nothing else reads these.
name = 'gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0'
exp = 'basic'
name_dataset = 'gta2cityscapes'
name_architecture = 'daformer_sepaspp_mitb5'
name_encoder = 'mitb5'
name_decoder = 'daformer_sepaspp'
name_uda = 'dacs_a999_fd_things_rcs0.01_cpl'
name_opt = 'adamw_6e-05_pmTrue_poly10warm_1x2_40k'
