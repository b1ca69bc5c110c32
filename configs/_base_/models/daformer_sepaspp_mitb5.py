"""The DAFormer network: MiT-B5, context-aware fusion of all stages by depthwise-separable dilated convolutions.

Paper (arXiv 2111.14887), section 3.2 and Figure 2; 68.3 mIoU on GTA -> Cityscapes with all components.
"""

_base_ = ['daformer_conv1_mitb5.py']
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    decode_head=dict(
        decoder_params=dict(
            fusion_cfg=dict(
                _delete_=True,
                type='aspp',
                sep=True,  # 3x3 per channel, then 1x1
                dilations=(1, 6, 12, 18),  # rate 1 is a plain 1x1 convolution
                pool=False,
                act_cfg=dict(type='ReLU'),
                norm_cfg=norm_cfg,
            ),
        ),
    ),
)
