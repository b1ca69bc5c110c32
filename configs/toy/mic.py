"""What masked target images (MIC) do on the toy pair: daformer.py with them."""

_base_ = ['daformer.py']
uda = dict(terms=[dict(type='MaskedConsistency', mode='separatetrgaug', block_size=32, ratio=0.7)])
name = 'mic'
