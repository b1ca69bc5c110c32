"""The training of HRDA (arXiv 2204.13132) on crops of 1024x1024 at full resolution, whatever the domains: DAFormer's
(arXiv 2111.14887) with HRDA's network. The published runs took 32 hours and 22.5 GB each on one Titan RTX (24 GB).
"""

_base_ = [
    'adamw_40k.py',
    '../models/hrda1_daformer_sepaspp_mitb5.py',
    '../uda/dacs_a999_fdthings.py',  # DACS, alpha 0.999, feature distance 0.005 on thing classes
    '../schedules/poly10warm.py',  # linear warm-up of 1500 iterations, linear decay to 0
]
# What a run says of its own data:
# Crops have four times the pixels of DAFormer's: one is redrawn until it has more than 6000 of its rare class.
rare_classes = dict(min_pixels=3000, class_temp=0.01, min_crop_ratio=2.0)
# Rows and columns of Cityscapes' files whose pseudo-labels do not count: rectification artefacts, the own car.
cityscapes_margins = [30, 240, 30, 30]
# What the run is called in its work directory and in tables; nothing else reads these.
exp = 'basic'
name_architecture = 'hrda1-512-0.1_daformer_sepaspp_sl_mitb5'
name_encoder = 'mitb5'
name_decoder = 'hrda1-512-0.1_daformer_sepaspp_sl'
name_opt = 'adamw_6e-05_pmTrue_poly10warm_1x2_40k'
