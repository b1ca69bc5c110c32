"""AdvSeg (AdaptSegNet, arXiv 1802.10349): predictions of both domains shall look alike to a discriminator.

Its single-level form: the main prediction alone is judged.
"""

uda = dict(
    type='AdvSeg',
    adversarial_weight=0.001,  # lambda_adv
    discriminator_lr=1e-4,  # of Adam, betas (0.9, 0.99)
    debug_img_interval=1000,
)
