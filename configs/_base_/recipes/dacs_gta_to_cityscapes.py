"""Plain DACS, GTA -> Cityscapes: teacher of 0.99, no feature distance, no rare class sampling, no warm-up."""

_base_ = [
    'adamw_40k.py',
    '../datasets/uda_gta_to_cityscapes_512x512.py',
    '../uda/dacs.py',
    '../schedules/poly10_to_zero.py',
]
