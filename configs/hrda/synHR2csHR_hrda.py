"""HRDA, Synthia -> Cityscapes at full resolution (arXiv 2204.13132).

    python run_experiments.py --config configs/hrda/synHR2csHR_hrda.py

Expect 65.8 mIoU over 16 classes on the Cityscapes validation set (mean of seeds 0, 1, 2), from the student.
The published runs took 32 hours and 22.5 GB each on one Titan RTX (24 GB).

Needs data/synthia and data/cityscapes (converted once, see README, "Data") and pretrained/mit_b5.pth.
"""

_base_ = [
    '../_base_/datasets/uda_synthiaHR_to_cityscapesHR_1024x1024.py',
    '../_base_/recipes/hrda_1024x1024.py',
]
seed = 0  # the paper gives the mean over seeds 0, 1 and 2
data = dict(
    train=dict(
        # Crops have four times the pixels of DAFormer's: one is redrawn until it has more than 6000 of its rare class.
        rare_class_sampling=dict(min_pixels=3000, class_temp=0.01, min_crop_ratio=2.0),
        # Rows and columns of the files whose pseudo-labels do not count: rectification artefacts, the own car.
        pseudo_margins=[30, 240, 30, 30],
    ),
)
# What the run is called in its work directory and in tables; nothing else reads these.
name = 'synHR2csHR_hrda'
exp = 'basic'
name_dataset = 'synthiaHR2cityscapesHR_1024x1024'
name_architecture = 'hrda1-512-0.1_daformer_sepaspp_sl_mitb5'
name_encoder = 'mitb5'
name_decoder = 'hrda1-512-0.1_daformer_sepaspp_sl'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_cpl2'
name_opt = 'adamw_6e-05_pmTrue_poly10warm_1x2_40k'
