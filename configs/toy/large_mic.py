"""MIC on the toy pair drawn at 512x256: large_daformer.py with masked target images."""

_base_ = ['large_daformer.py']
uda = dict(terms=[dict(type='MaskedConsistency', mode='separatetrgaug', block_size=16, ratio=0.7)])
name = 'large_mic'
