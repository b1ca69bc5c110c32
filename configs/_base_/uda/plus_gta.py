"""Values of what can be added to DACS when GTA is the source (docs/variants.md); a config takes those it is named for.

With Synthia: soft = 0.8, and a long tail without train, which Synthia does not show.
"""

soft = 0.9  # lambda: share of the source in a pasted pixel, and of its label in the loss
mmd = dict(
    weight=0.005,
    features=[-1],  # the coarsest stage of the encoder
    estimate='unbiased',  # two images a batch: the biased one would measure its own floor
    queue=64,  # pooled features of the newest 64 pairs of images
)
long_tail = dict(
    classes=['rider', 'bus', 'train', 'motorcycle', 'bicycle'],
    num_classes=2,  # drawn for every sample
    min_pixels=3000,  # an image shows class c if it has more pixels of it, as for rare class sampling
    min_crop_ratio=0.5,
)
rare = dict(min_pixels=3000, class_temp=0.01, min_crop_ratio=0.5)
