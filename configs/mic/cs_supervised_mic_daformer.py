"""Supervised training with MIC: Cityscapes with its labels, and its masked images with the same labels.

    python run_experiments.py --config configs/mic/cs_supervised_mic_daformer.py

Grid 85 of MIC. Needs data/cityscapes and pretrained/mit_b5.pth, and no target images.
"""

_base_ = ['../daformer/gta2cs_oracle_daformer_mitb5_s0.py', '../_base_/uda/mic_term.py']
uda = dict(
    _delete_=True,
    type='SourceOnly',
    terms=[dict(_base_.masked_images, mode='separatesrc', block_size=32)],
)
name = 'cs_supervised_mic_daformer'
name_uda = 'srconly_m32-0.7-sps'
