"""MiT-B5 with the DeepLabV3+ decoder, without norms in it: the paper's Table 2.

The adapter enlarges the last stage fourfold, so that the dilation rates mean what they do at 1/8 of the image.
"""

_base_ = ['deeplabv3plus_nodbn_r50-d8.py']
find_unused_parameters = True
model = dict(
    pretrained='pretrained/mit_b5.pth',
    backbone=dict(_delete_=True, type='mit_b5'),
    neck=dict(type='SegFormerAdapter', scales=[4]),
    decode_head=dict(in_channels=512, c1_in_channels=64),
)
