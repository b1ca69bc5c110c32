"""CLUDA on the toy pair drawn at 512x256: large_daformer.py with pixel contrast in one resolution."""

_base_ = ['large_daformer.py']
# the decoder's own grid: crops of 96x96 have 24x24 cells, so that 65x65 would contrast pixels with their own copies
uda = dict(terms=[dict(type='PixelContrast', size=24)])
name = 'large_cluda'
