"""ConvNeXt-B (arXiv 2201.03545) with a DAFormer head of 512 channels, twice those of the other encoders.

The width of the others: ``model.decode_head.channels=256 model.decode_head.decoder_params.embed_dims=256``.
"""

_base_ = ['daformer_sepaspp_mitb5.py']
model = dict(
    pretrained='pretrained/convnext-base_3rdparty_32xb128-noema_in1k_20220301-2a0ee547.pth',
    backbone=dict(
        _delete_=True,
        type='ConvNeXt',
        depths=(3, 3, 27, 3),
        dims=(128, 256, 512, 1024),
        drop_path_rate=0.4,
        layer_scale_init_value=1.0,
        out_indices=(0, 1, 2, 3),
    ),
    decode_head=dict(in_channels=[128, 256, 512, 1024], channels=512, decoder_params=dict(embed_dims=512)),
)
