"""MIC (arXiv 2212.01322) as a further term of any method: ``uda = dict(terms=[_base_.masked_images])``."""

masked_images = dict(
    type='MaskedConsistency',
    mode='separatetrgaug',  # target images, with colour jitter and blur before they are masked
    block_size=64,  # side of a block in pixels: 64 at full resolution, 32 at half
    ratio=0.7,  # of the blocks are removed
    weight=1.0,  # lambda_M of the main (HRDA: the fused) loss; a detail loss keeps its weight
)
