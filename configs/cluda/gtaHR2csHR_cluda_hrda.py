"""CLUDA on HRDA, GTA -> Cityscapes at full resolution: pixel contrast in two resolutions (arXiv 2208.14227).

    python run_experiments.py --config configs/cluda/gtaHR2csHR_cluda_hrda.py

The paper: 74.4 mIoU on the Cityscapes validation set (standard deviation 0.32), from the student.
This config has not been run to its end. From iteration 12000 on, the published code moves the detail crop of the mixed
images to where the context is uncertain; this config draws it as HRDA does. Hours and memory of the published runs are
not known; more memory than HRDA's, for source and mixed images are descended together.

Needs what configs/hrda/gtaHR2csHR_hrda.py needs.
"""

_base_ = ['../hrda/gtaHR2csHR_hrda.py']
model = dict(decode_head=dict(type='CLUDAHead'))  # HRDA's with another fusion, and weights of the contrast
uda = dict(
    terms=[
        dict(
            type='PixelContrast',
            resolutions=2,  # the context with itself, and with the detail
            weight=1.0,  # of the source images
            mixed_weight=1.0,  # of the mixed ones
            size=65,  # side of the grid whose pixels are contrasted
        )
    ],
)
name = 'gtaHR2csHR_cluda_hrda'
name_uda = 'dacs_a999_fdthings_rcs0.01-2.0_cpl2_cluda2'
