"""A network trained on GTA with its labels alone, tested on Cityscapes; without warm-up."""

_base_ = ['adamw_40k.py', '../datasets/gta_to_cityscapes_512x512.py', '../schedules/poly10_to_zero.py']
