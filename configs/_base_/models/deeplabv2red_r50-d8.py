"""DeepLabV2 with the first two of its four rates, as domain adaptation has used it since AdaptSegNet (1802.10349).

With ResNet-101 the "DeepLabV2" of the paper's tables.
"""

_base_ = ['deeplabv2_r50-d8.py']
model = dict(decode_head=dict(dilations=(6, 12)))
