"""A network trained on Cityscapes with its labels, at half resolution; without warm-up."""

_base_ = ['adamw_40k.py', '../datasets/cityscapes_half_512x512.py', '../schedules/poly10_to_zero.py']
