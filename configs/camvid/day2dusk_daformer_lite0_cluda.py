"""CLUDA on CamVid, day -> dusk: day2dusk_daformer_lite0_uda.py with pixel contrast in one resolution."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
# the decoder's own grid is 56x40 here; a square of 40 keeps about its number of cells
uda = dict(terms=[dict(type='PixelContrast', size=40)])
name = 'day2dusk_daformer_lite0_cluda'
