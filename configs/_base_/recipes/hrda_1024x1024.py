"""The training of HRDA (arXiv 2204.13132) on crops of 1024x1024 at full resolution, whatever the domains: DAFormer's
(arXiv 2111.14887) with HRDA's network. What it samples and trusts of the data is said with the data.
"""

_base_ = [
    'adamw_40k.py',
    '../models/hrda1_daformer_sepaspp_mitb5.py',
    '../uda/dacs_a999_fdthings.py',  # DACS, alpha 0.999, feature distance 0.005 on thing classes
    '../schedules/poly10warm.py',  # linear warm-up of 1500 iterations, linear decay to 0
]
