"""DAFormer, GTA -> Cityscapes, with the labels of a few Cityscapes images, which are half of the labelled draws.

    python run_experiments.py --config configs/domains/gta2cs_few_labels_daformer_mitb5.py

Our own combination, not published and NOT measured. data/cityscapes/few.txt is your file: a line for each image whose
label may be learnt, as aachen/aachen_000000_000019 (below leftImg8bit/train, without the end of the name); 100 of the
2975 are 1/30. See docs/domains.md.

Needs data/gta and data/cityscapes (converted once, see docs/data.md) and pretrained/mit_b5.pth.
"""

_base_ = ['../daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py']
data = dict(
    train=dict(
        labelled_target=dict(
            type='CityscapesDataset',
            data_root='data/cityscapes',
            img_dir='leftImg8bit/train',
            ann_dir='gtFine/train',
            split='few.txt',
            pipeline=_base_.cityscapes_train_pipeline,
        ),
        labelled_target_share=0.5,
    ),
)
name = 'gta2cs_few_labels_daformer_mitb5'
exp = 'domains'
