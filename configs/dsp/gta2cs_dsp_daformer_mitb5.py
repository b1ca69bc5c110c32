"""DSP, GTA -> Cityscapes, with the DAFormer network, optimizer and schedule instead of those of the paper.

    python run_experiments.py --config configs/dsp/gta2cs_dsp_daformer_mitb5.py

There is no published number to compare with. Three forward passes of the student share one backward pass: about half as
much memory again as DAFormer.

Needs data/gta, data/cityscapes and pretrained/mit_b5.pth.
"""

_base_ = [
    '../_base_/models/daformer_sepaspp_mitb5.py',
    '../_base_/recipes/adamw_40k.py',
    '../_base_/datasets/uda_gta_to_cityscapes_512x512.py',
    '../_base_/uda/dsp.py',
    '../_base_/uda/plus_gta.py',
    '../_base_/schedules/poly10warm.py',
]
data = dict(samples_per_gpu=2, train=dict(second_source=True, long_tail_paste=_base_.long_tail))
