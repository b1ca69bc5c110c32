"""CLUDA (arXiv 2208.14227) as a further term of any method: ``uda = dict(terms=[_base_.contrast])``."""

contrast = dict(
    type='PixelContrast',
    resolutions=1,
    weight=1.0,  # of the source images
    mixed_weight=1.0,  # of the mixed ones
    size=65,  # side of the grid whose pixels are contrasted
)
# On HRDA's network: the context with itself and with the detail, for which the head has a further network;
contrast_of_two = dict(contrast, resolutions=2)
cluda_head = dict(type='CLUDAHead')
# and detail crops of the mixed images that lie where the context is uncertain.
uncertain_detail = dict(type='UncertainDetail', start=12000)  # the first iteration
