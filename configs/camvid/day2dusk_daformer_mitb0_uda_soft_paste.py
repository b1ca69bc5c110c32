"""What long-tail paste does: day2dusk_daformer_mitb0_uda_soft.py with rare classes pasted first."""

_base_ = ['day2dusk_daformer_mitb0_uda_soft.py']
uda = dict(soft_paste=True)
data = dict(
    train=dict(
        long_tail_paste=dict(
            classes=['pole', 'signsymbol', 'fence', 'pedestrian', 'bicyclist'],
            num_classes=2,
            min_pixels=300,
            min_crop_ratio=0.25,
        ),
    ),
)
name = 'day2dusk_daformer_mitb0_uda_soft_paste'
