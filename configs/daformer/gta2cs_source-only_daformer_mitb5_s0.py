"""The DAFormer network trained on GTA alone: what is there before adaptation.

    python run_experiments.py --config configs/daformer/gta2cs_source-only_daformer_mitb5_s0.py

Same network, optimizer, schedule and iterations as the adapted run. The paper's Table 1 gives 45.6 +- 0.6 mIoU for
MiT-B5 with the SegFormer head; it has no such row for this head. Needs no target images to train.
"""

_base_ = ['gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py']
uda = None
data = dict(train=dict(_delete_=True, **_base_.data.train.source))
name = 'gta2cs_source-only_daformer_mitb5_s0'
name_uda = 'source-only'
