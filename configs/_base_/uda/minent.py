"""MinEnt (arXiv 1811.12833): predictions of the target shall be certain."""

uda = dict(
    type='MinEnt',
    entropy_weight=0.001,  # lambda_ent
    debug_img_interval=1000,
)
