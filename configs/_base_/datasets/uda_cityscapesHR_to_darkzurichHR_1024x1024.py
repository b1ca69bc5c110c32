"""Cityscapes with labels -> Dark Zurich without, at full resolution: crops of 1024x1024, images as large as ACDC's.

Dark Zurich's test labels are held back by its server; ``val`` and ``test`` here are both its validation set.
"""

_base_ = ['uda_cityscapesHR_to_acdcHR_1024x1024.py']
dark_zurich = dict(type='DarkZurichDataset', data_root='data/dark_zurich')
data = dict(
    train=dict(target=dict(img_dir='rgb_anon/train/night', **dark_zurich)),
    val=dark_zurich,
    test=dark_zurich,
)
