"""A network that was trained on GTA adapts itself to Cityscapes without GTA: teacher, augmentation, masked images.

    python run_experiments.py --config configs/domains/gta2cs_source_free_daformer_mitb5.py \
        --cfg-options load_from=WORK_DIR/latest.pth

Our own combination, not published and NOT measured. WORK_DIR is a run of
configs/daformer/gta2cs_source-only_daformer_mitb5_s0.py, or any other of the same network. Rates are a tenth of those
that trained it, for a quarter of the iterations. See docs/domains.md.

Needs data/cityscapes (converted once, see docs/data.md).
"""

_base_ = ['../daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py']
load_from = 'work_dirs/source_only/latest.pth'
data = dict(train=dict(_delete_=True, type='UDADataset', target=_base_.data.train.target))
uda = dict(
    _delete_=True,
    type='SourceFree',
    alpha=0.999,
    pseudo_weight_ignore_top=15,
    pseudo_weight_ignore_bottom=120,
    terms=[dict(type='MaskedConsistency', mode='separatetrgaug', block_size=32, ratio=0.7)],
)
optimizer = dict(lr=6e-06)
runner = dict(max_iters=10000)
name = 'gta2cs_source_free_daformer_mitb5'
name_uda = 'source_free'
exp = 'domains'
