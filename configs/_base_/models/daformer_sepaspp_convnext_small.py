"""ConvNeXt-S with a DAFormer head of 512 channels."""

_base_ = ['daformer_sepaspp_convnext_base.py']
model = dict(
    pretrained='pretrained/convnext-small_3rdparty_32xb128-noema_in1k_20220301-303e75e3.pth',
    backbone=dict(dims=(96, 192, 384, 768), drop_path_rate=0.3),
    decode_head=dict(in_channels=[96, 192, 384, 768]),
)
