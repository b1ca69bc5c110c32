"""CLUDA on the toy pair: daformer.py with pixel contrast in one resolution."""

_base_ = ['daformer.py']
# the decoder's own grid: crops of 192x192 have 48x48 cells, so that 65x65 would contrast pixels with their own copies
uda = dict(terms=[dict(type='PixelContrast', size=48)])
name = 'cluda'
