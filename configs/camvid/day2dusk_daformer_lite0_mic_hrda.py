"""MIC(HRDA) on CamVid, day -> dusk: day2dusk_daformer_lite0_hrda.py with masked target images."""

_base_ = ['day2dusk_daformer_lite0_hrda.py']
# blocks are as large in the scene as those of day2dusk_daformer_lite0_uda_mic.py
uda = dict(terms=[dict(type='MaskedConsistency', mode='separatetrgaug', block_size=32, ratio=0.7)])
name = 'day2dusk_daformer_lite0_mic_hrda'
