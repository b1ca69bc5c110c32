"""MiT-B5 with a UPerNet decoder as narrow as DAFormer's: 256 channels, the paper's Table 7."""

_base_ = ['upernet_mit.py']
model = dict(decode_head=dict(channels=256))
