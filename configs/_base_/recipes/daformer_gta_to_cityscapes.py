"""The DAFormer training (arXiv 2111.14887), GTA -> Cityscapes, for any network: all components of the method."""

_base_ = [
    'adamw_40k.py',
    '../datasets/uda_gta_to_cityscapes_512x512.py',  # GTA at 1280x720, Cityscapes at 1024x512, crops of 512
    '../uda/dacs_a999_fdthings.py',  # DACS, alpha 0.999, feature distance 0.005 on thing classes
    '../schedules/poly10warm.py',  # linear warm-up of 1500 iterations, linear decay to 0
]
uda = dict(
    # Pseudo-label crop: rows of the 512 of a target crop that get no weight.
    pseudo_weight_ignore_top=15,  # rectification artefacts
    pseudo_weight_ignore_bottom=120,  # the bonnet of the ego vehicle
)
data = dict(
    samples_per_gpu=2,  # two source and two target crops an iteration
    train=dict(
        # Rare class sampling (section 3.3): class c is drawn with P(c) ~ exp((1 - f_c) / T)
        rare_class_sampling=dict(
            min_pixels=3000,  # an image shows class c if it has more pixels of it
            class_temp=0.01,  # T: small is rare classes more often, infinite is all alike
            min_crop_ratio=0.5,  # the crop is redrawn until it has more than half of min_pixels, at most 10 times
        ),
    ),
)
