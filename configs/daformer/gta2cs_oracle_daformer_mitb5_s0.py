"""The DAFormer network trained on Cityscapes with its labels: what adaptation is measured against.

    python run_experiments.py --config configs/daformer/gta2cs_oracle_daformer_mitb5_s0.py

Expect 77.6 mIoU (paper, Table 7): half resolution as the adapted run, hence lower than the literature.
"""

_base_ = ['gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py']
uda = None
data = dict(
    train=dict(
        _delete_=True,
        type='CityscapesDataset',
        data_root='data/cityscapes',
        img_dir='leftImg8bit/train',
        ann_dir='gtFine/train',
        pipeline=_base_.cityscapes_train_pipeline,
    ),
)
name = 'gta2cs_oracle_daformer_mitb5_s0'
name_uda = 'target-only'
