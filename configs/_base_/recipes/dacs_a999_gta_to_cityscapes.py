"""DACS with a slow teacher (0.999) and warm-up, GTA -> Cityscapes: no feature distance, no rare class sampling."""

_base_ = [
    'adamw_40k.py',
    '../datasets/uda_gta_to_cityscapes_512x512.py',
    '../uda/dacs.py',
    '../schedules/poly10warm.py',
]
uda = dict(alpha=0.999)
