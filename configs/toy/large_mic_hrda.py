"""MIC(HRDA) on the toy pair drawn at 512x256: large_hrda.py with masked target images."""

_base_ = ['large_hrda.py']
# blocks are as large in the scene as those of large_mic.py
uda = dict(terms=[dict(type='MaskedConsistency', mode='separatetrgaug', block_size=32, ratio=0.7)])
name = 'large_mic_hrda'
