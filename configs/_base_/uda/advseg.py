"""AdvSeg (AdaptSegNet, arXiv 1802.10349): predictions of both domains shall look alike to a discriminator.

For the runs of tables 41 and 81; the method is not part of this version, which says so when such a run is started.
"""

uda = dict(type='AdvSeg')
