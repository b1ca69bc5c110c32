"""DeepLabV3+ without norms in its decoder, which adapted better: the "DeepLabV3+" of the paper's Table 1."""

_base_ = ['deeplabv3plus_r50-d8.py']
model = dict(decode_head=dict(norm_cfg=None))
