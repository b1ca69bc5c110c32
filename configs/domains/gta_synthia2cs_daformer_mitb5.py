"""DAFormer from two sources, GTA and Synthia, to Cityscapes: each is half of the draws.

    python run_experiments.py --config configs/domains/gta_synthia2cs_daformer_mitb5.py

Our own combination, not published and NOT measured: the recipe of DAFormer with a list of sources. Rare classes are
sampled over both; Synthia lacks terrain, truck and train, which GTA shows. See docs/domains.md.

Needs data/gta, data/synthia and data/cityscapes (converted once, see docs/data.md) and pretrained/mit_b5.pth.
"""

_base_ = ['../daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py']
gta = _base_.data.train.source
synthia = dict(
    type='SynthiaDataset',
    data_root='data/synthia',
    img_dir='RGB',
    ann_dir='GT/LABELS',
    pipeline=[
        dict(type='Resize', img_scale=(1280, 760)) if step['type'] == 'Resize' else step for step in gta['pipeline']
    ],
)
data = dict(train=dict(source=[gta, synthia], source_weights=[1, 1]))
name = 'gta_synthia2cs_daformer_mitb5'
name_dataset = 'gta_synthia2cityscapes'
exp = 'domains'
