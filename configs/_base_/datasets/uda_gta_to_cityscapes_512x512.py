"""GTA with labels -> Cityscapes without: pairs of one source and one target crop of 512x512."""

_base_ = ['gta_to_cityscapes_512x512.py']
data = dict(
    train=dict(
        _delete_=True,
        type='UDADataset',
        source=_base_.data.train,
        target=dict(
            type='CityscapesDataset',
            data_root='data/cityscapes',
            img_dir='leftImg8bit/train',
            pipeline=_base_.cityscapes_target_pipeline,
        ),
    ),
)
