"""What long-tail paste does on the toy pair: daformer_soft.py with rare classes pasted first."""

_base_ = ['daformer_soft.py']
uda = dict(soft_paste=True)
data = dict(
    train=dict(
        # a class counts as shown from 160 pixels on
        long_tail_paste=dict(classes=['rider', 'bus', 'train', 'motorcycle', 'bicycle'], num_classes=2, min_pixels=160),
    ),
)
name = 'daformer_soft_paste'
