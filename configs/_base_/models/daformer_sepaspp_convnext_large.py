"""ConvNeXt-L, pretrained on ImageNet-22k, with a DAFormer head of 512 channels."""

_base_ = ['daformer_sepaspp_convnext_base.py']
model = dict(
    pretrained='pretrained/convnext-large_3rdparty_in21k_20220301-e6e0ea0a.pth',
    backbone=dict(dims=(192, 384, 768, 1536)),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
)
