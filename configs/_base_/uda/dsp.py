"""DSP (arXiv 2107.09600): second source image, soft paste on target and source, both soft losses, two MMD terms."""

uda = dict(
    type='DSP',
    alpha=0.99,
    pseudo_threshold=0.968,
    mix_scope='image',  # half of the classes of each second source image
    soft=0.9,  # 0.8 for Synthia
    soft_paste=True,
    projection=256,  # channels of the 1x1 convolution in front of both MMD terms
    # the published estimate is 'biased' without a queue, which has a floor of about 3.1 for two images
    mmd=dict(weight=0.005, estimate='biased'),
    masked_mmd=dict(weight=0.005, estimate='biased'),
    blur=True,
    color_jitter_strength=0.25,
    color_jitter_probability=0.2,  # jitter acts when a draw of [0, 1) is GREATER: in 80 % of the iterations
    debug_img_interval=1000,
)
