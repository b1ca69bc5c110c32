"""DSP on the toy pair, with the network and schedule of daformer.py."""

_base_ = ['daformer.py']
uda = dict(
    type='DSP',
    mix_scope='image',
    soft=0.9,
    soft_paste=True,
    projection=64,
    mmd=dict(weight=0.005, estimate='biased'),
    masked_mmd=dict(weight=0.005, estimate='biased'),
)
data = dict(
    train=dict(
        second_source=True,
        # a class counts as shown from 160 pixels on
        long_tail_paste=dict(classes=['rider', 'bus', 'train', 'motorcycle', 'bicycle'], num_classes=2, min_pixels=160),
    ),
)
name = 'dsp'
