import pytest

from mmseg.config.load import load_config
from mmseg.errors import InputError
from mmseg.report.facts import domain, facts_of, flat
from mmseg.report.published import method_of, published_for, published_results
from mmseg.report.results import FORMATS
from mmseg.report.runs import experiments_of, find_work_dirs, read_run
from tests.fabricated import PUBLISHED
from tests.report.made import config, grid, work_dir

FINAL = 'configs/daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py'


def experiments(*folders, name=''):
    return experiments_of([read_run(path, name) for name, path in find_work_dirs([(name, path) for path in folders])])


def test_runs_that_differ_in_the_seed_are_one_experiment(tmp_path):
    source, dacs, oracle = experiments(grid(tmp_path))
    assert [source.label, dacs.label, oracle.label] == ['source-only', 'dacs', 'oracle']
    assert [run.seed for run in dacs.runs] == [0, 1, 2]
    # mIoU 170/3, 114/3, 142/3: mean 47.33, deviations 9.33, -9.33, 0
    mean, std, seeds = dacs.spread('mIoU')
    assert (mean, std, seeds) == (pytest.approx(142 / 3, abs=0.01), pytest.approx(28 / 3, abs=0.01), 3)
    assert source.spread('mIoU').std is None


def test_results_are_related_to_the_oracle_of_the_same_network(tmp_path):
    _, dacs, oracle = experiments(grid(tmp_path))
    assert dacs.oracle is oracle
    assert dacs.relative('mIoU') == pytest.approx(100 * 142 / 200, abs=0.02)
    other = config('oracle', model={'type': 'EncoderDecoder', 'backbone': {'type': 'mit_b0'}, 'decode_head': {}})
    work_dir(tmp_path / 'other' / 'a', other, {'road': 99})
    alone = experiments(tmp_path / 'dacs_0', tmp_path / 'other' / 'a')
    assert alone[0].relative('mIoU') is None


def test_a_class_that_one_seed_misses_and_another_finds_is_flagged(tmp_path):
    source, dacs, _ = experiments(grid(tmp_path))
    (flag,) = dacs.unstable()
    assert flag.title == 'bus'
    assert flag.by_seed == {'seed 0': 60, 'seed 1': 3, 'seed 2': 30}
    assert source.unstable() == []  # one seed says nothing


@pytest.mark.parametrize(('low', 'high', 'flagged'), [(4.9, 20.1, True), (5.0, 30, False), (1, 20.0, False)])
def test_the_flag_begins_below_5_and_above_20(tmp_path, low, high, flagged):
    for seed, iou in enumerate((low, high)):
        work_dir(tmp_path / str(seed), config('dacs', seed), {'bus': iou})
    (one,) = experiments(tmp_path)
    assert bool(one.unstable()) is flagged


def test_an_unfinished_run_does_not_count(tmp_path):
    work_dir(tmp_path / 'a', config('dacs', 0), {'road': 80})
    work_dir(tmp_path / 'b', config('dacs', 1), {'road': 10}, iteration=4000)
    (one,) = experiments(tmp_path)
    assert [run.finished for run in one.runs] == [True, False]
    assert one.spread('mIoU').mean == 80


def test_a_given_name_holds_runs_together(tmp_path):
    grid(tmp_path)
    (one,) = experiments(tmp_path / 'source-only_0', tmp_path / 'dacs_0', name='mine')
    assert (one.label, len(one.runs)) == ('mine', 2)


def test_experiments_of_one_name_are_told_apart_by_what_differs(tmp_path):
    for name, lr in (('a', 1e-4), ('b', 1e-3)):
        work_dir(tmp_path / name, config('dacs', optimizer={'type': 'AdamW', 'lr': lr}), {'road': 50})
    assert {one.label for one in experiments(tmp_path)} == {'dacs (lr=0.0001)', 'dacs (lr=0.001)'}


def test_folders_of_the_machine_do_not_tell_experiments_apart(tmp_path):
    for seed, root in enumerate(('/scratch/cityscapes', 'data/cityscapes')):
        work_dir(tmp_path / str(seed), config('dacs', seed, root), {'road': 50})
    assert len(experiments(tmp_path)) == 1


def test_runs_on_several_gpus_are_an_experiment_of_their_own(tmp_path):
    for processes in (0, 1, 2):
        work_dir(tmp_path / f'run_{processes}', config('dacs', n_gpus=processes), {'road': 50})
    one, two = experiments(tmp_path)
    assert (len(one.runs), len(two.runs)) == (2, 1)
    assert two.label == 'dacs (n_gpus=2)'


def test_a_training_cache_does_not_tell_experiments_apart(tmp_path):
    for place in (None, '/scratch/gta'):
        settings = config('dacs')
        settings['data']['train']['source']['cache_dir'] = place
        work_dir(tmp_path / f'run_{place is None}', settings, {'road': 50})
    (one,) = experiments(tmp_path)
    assert len(one.runs) == 2


def test_linked_run_folders_are_found_and_each_run_once(tmp_path):
    for name in ('here/a', 'elsewhere/b'):
        work_dir(tmp_path / name, config('dacs', seed=len(name)), {'road': 50})
    (tmp_path / 'here' / 'b').symlink_to(tmp_path / 'elsewhere' / 'b')
    (tmp_path / 'here' / 'again').symlink_to(tmp_path / 'here')
    found = [path for _, path in find_work_dirs([('', tmp_path / 'here')])]
    assert {path.resolve() for path in found} == {tmp_path / 'here' / 'a', tmp_path / 'elsewhere' / 'b'}
    assert len(found) == 2


def test_a_folder_that_holds_no_run_is_named(tmp_path):
    with pytest.raises(InputError, match='holds no config'):
        find_work_dirs([('', tmp_path)])
    with pytest.raises(InputError, match='is not a folder'):
        find_work_dirs([('', tmp_path / 'absent')])


@pytest.mark.parametrize(
    ('root', 'images', 'said'),
    [
        ('data/toy', 'source/images', 'source'),
        (None, '/home/a/forest/summer/img', 'forest/summer/img'),
        (None, '../forest/summer/img', 'forest/summer/img'),
        ('data', '/home/a/forest/summer/img', 'forest/summer/img'),
        (None, 'img', 'img'),
        ('/home/a/forest/img', '.', 'a/forest/img'),
    ],
)
def test_own_data_are_called_by_folders_that_tell_them_apart(root, images, said):
    assert domain({'type': 'CustomDataset', 'data_root': root, 'img_dir': images}) == said


@pytest.mark.parametrize(
    ('setting', 'said'), [('source-only', 'source-only'), ('oracle', 'oracle'), ('dacs', 'DACS + warm-up')]
)
def test_the_setting_is_read_from_the_config(setting, said):
    facts = facts_of(config(setting))
    assert facts.setting == said
    assert facts.domains == ('Cityscapes' if setting == 'oracle' else 'GTA → Cityscapes')


@pytest.mark.parametrize('path', [FINAL, PUBLISHED])
def test_the_published_run_has_its_published_number(path):
    found = published_for(load_config(path, purpose='test').to_dict())
    assert found is not None
    assert found.values['mIoU'] == 68.3
    assert found.values['IoU.bicycle'] == 61.8


def test_further_terms_are_told_and_have_no_published_number_of_the_method_without_them():
    cfg = config('dacs')
    plain = facts_of(cfg)
    cfg['uda']['terms'] = [{'type': 'MaskedConsistency'}]
    masked = facts_of(cfg)
    assert masked.setting == f'{plain.setting} + MaskedConsistency'
    assert (method_of(plain), method_of(masked)) == ('DACS', '')


def test_published_numbers_hold_for_the_published_setting_only():
    assert published_for(config('dacs')).values['mIoU'] == 58.2
    assert published_for(config('oracle')).values['mIoU'] == 76.4
    assert published_for(config('dacs', runner={'max_iters': 800})) is None
    assert published_for(config('dacs', lr_config={'policy': 'poly'})) is None
    assert published_for(config('dacs', optimizer={'type': 'AdamW', 'lr': 1e-3})) is None


def test_published_class_rows_agree_with_their_means():
    for row in published_results():
        classes = [value for name, value in row.values.items() if name.startswith('IoU.')]
        mean = row.values.get('mIoU16', row.values.get('mIoU'))
        if classes:
            assert sum(classes) / len(classes) == pytest.approx(mean, abs=0.1)


def test_tables_hold_means_deviations_the_published_number_and_what_was_tested(tmp_path):
    found = experiments(grid(tmp_path))
    markdown = FORMATS['markdown'](found)
    tested = 'val at 96x48 (width x height), whole images'
    last = f'{tested}; last (iteration 40000)'
    assert f'| dacs | DACS + warm-up | {last} | 3 | 47.3 ±9.3 | 71.0 | 58.2 | 81.0 | 30.0 | 31.0 |' in markdown
    latex = FORMATS['latex'](found)
    assert rf'dacs & DACS + warm-up & {last} & 3 & 47.3 $\pm$9.3 & 71.0' in latex
    assert latex.count(r'\\') == 4
    csv = FORMATS['csv'](found).splitlines()
    assert len(csv) == 1 + 5
    assert csv[2].startswith(f'dacs,DACS + warm-up,"{tested}",dacs_0,0,40000,True,56.67')


def test_a_pipeline_is_compared_as_one_value():
    steps = [{'type': 'Resize', 'img_scale': [2, 1]}, {'type': 'RandomFlip'}]
    assert flat({'data': {'pipeline': steps}}) == {'data.pipeline': 'Resize(img_scale=[2, 1]) → RandomFlip()'}


def test_a_run_of_several_sources_several_sets_or_no_source_says_so():
    images = {'data_root': 'data/x', 'img_dir': 'a/val', 'pipeline': []}
    cityscapes, bdd = ({'type': kind, **images} for kind in ('CityscapesDataset', 'BDDDataset'))
    sources = [{'type': kind, **images} for kind in ('GTADataset', 'SynthiaDataset')]
    train = {'type': 'UDADataset', 'source': sources, 'target': cityscapes}
    config = {
        'model': {'backbone': {'type': 'mit_b5'}, 'decode_head': {'type': 'DAFormerHead'}},
        'uda': {'type': 'DACS'},
        'data': {'train': train, 'val': {'city': cityscapes, 'bdd': bdd}, 'test': {'city': cityscapes, 'bdd': bdd}},
        'evaluation': {'weights': 'teacher'},
    }
    facts = facts_of(config)
    assert facts.domains == 'GTA+Synthia → Cityscapes+BDD'
    assert facts.tested == 'city at their own size, whole images; bdd at their own size, whole images; teacher'
    config['data'] = {'train': {'type': 'UDADataset', 'target': cityscapes}, 'test': cityscapes}
    facts = facts_of(config)
    assert (facts.source, facts.target) == ('', 'Cityscapes')
    assert facts.tested == 'val at their own size, whole images; teacher'
