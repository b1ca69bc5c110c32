"""MIC(HRDA) on the toy pair: hrda.py with masked target images."""

_base_ = ['hrda.py']
# blocks are as large in the scene as those of mic.py
uda = dict(terms=[dict(type='MaskedConsistency', mode='separatetrgaug', block_size=42, ratio=0.7)])
name = 'mic_hrda'
