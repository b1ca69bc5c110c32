"""DAFormer, GTA -> Cityscapes, all components: the last row of the paper's Table 7 (arXiv 2111.14887).

    python run_experiments.py --config configs/daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py

Expect 68.3 +- 0.5 mIoU on the Cityscapes validation set (mean of seeds 0, 1, 2; single runs between 66 and 69 are
reported), from the student. The published run took 16 hours and 9.7 GB on one RTX 2080 Ti.

Needs data/gta and data/cityscapes (converted once, see README, "Data") and pretrained/mit_b5.pth.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/daformer_sepaspp_mitb5.py',  # MiT-B5 and the context-aware fusion of all its stages
    '../_base_/datasets/uda_gta_to_cityscapes_512x512.py',  # GTA at 1280x720, Cityscapes at 1024x512, crops of 512
    '../_base_/uda/dacs_a999_fdthings.py',  # DACS, alpha 0.999, feature distance 0.005 on thing classes
    '../_base_/schedules/adamw.py',
    '../_base_/schedules/poly10warm.py',  # linear warm-up of 1500 iterations, linear decay to 0
]
seed = 0  # the paper gives the mean over seeds 0, 1 and 2
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
optimizer_config = None  # no gradient clipping
optimizer = dict(
    lr=6e-05,  # encoder
    weight_decay=0.01,
    paramwise_cfg=dict(
        custom_keys=dict(
            head=dict(lr_mult=10.0),  # decoder: 6e-4
            norm=dict(decay_mult=0.0),  # norms of the encoder do not decay
        )
    ),
)
runner = dict(type='IterBasedRunner', max_iters=40000)
# The published runs wrote one checkpoint, at iteration 40000, and lost everything when interrupted. Here the newest
# of one every 4000 is kept: the last is the same, and a stopped run goes on.
checkpoint_config = dict(by_epoch=False, interval=4000, max_keep_ckpts=1)
evaluation = dict(interval=4000, metric='mIoU')  # for the curve; no checkpoint is chosen by it
n_gpus = 1
# What the run is called in its work directory and in tables; nothing else reads these.
name = 'gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0'
exp = 'basic'
name_dataset = 'gta2cityscapes'
name_architecture = 'daformer_sepaspp_mitb5'
name_encoder = 'mitb5'
name_decoder = 'daformer_sepaspp'
name_uda = 'dacs_a999_fd_things_rcs0.01_cpl'
name_opt = 'adamw_6e-05_pmTrue_poly10warm_1x2_40k'
