"""What masked target images (MIC) do: day2dusk_daformer_lite0_uda.py with them."""

_base_ = ['day2dusk_daformer_lite0_uda.py']
uda = dict(terms=[dict(type='MaskedConsistency', mode='separatetrgaug', block_size=16, ratio=0.7)])
name = 'day2dusk_daformer_lite0_uda_mic'
