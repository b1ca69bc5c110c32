"""HRDA (arXiv 2204.13132) on the DAFormer network: context at half scale, detail in a crop at full scale.

Section 4 and Figure 2 of the paper; 73.8 mIoU on GTA -> Cityscapes.
"""

_base_ = ['daformer_sepaspp_mitb5.py']
model = dict(
    type='HRDAEncoderDecoder',
    decode_head=dict(
        type='HRDAHead',
        single_scale_head='DAFormerHead',  # one decoder for both scales, a narrower one for the attention
        attention_embed_dim=256,
        attention_classwise=True,
        hr_loss_weight=0.1,  # of the detail alone; the fused prediction has the rest
    ),
    scales=[1, 0.5],
    hr_crop_size=(512, 512),  # detail crop, of training crops of 1024x1024
    feature_scale=0.5,  # the feature distance compares the context
    crop_coord_divisible=8,  # edges of the crop are edges of cells: stride 4 of the decoder / scale 0.5
    hr_slide_inference=True,  # without a crop, detail is seen in overlapping windows
    test_cfg=dict(mode='slide', batched_slide=True, crop_size=(1024, 1024), stride=(512, 512)),
)
