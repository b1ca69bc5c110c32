"""Several sets to evaluate on, by name: one table, a mean, and a best checkpoint of one of them."""

import json

import pytest
import torch

from mmseg.config.components import check_datasets
from mmseg.config.leaves import first_leaf, leaves, named_sets
from mmseg.config.test_data import of_test_set
from mmseg.datasets.loader import build_dataset
from mmseg.engine.train import build_runner, train
from mmseg.errors import InputError
from mmseg.evaluation.origin import checkpoint_in_words
from mmseg.report.runs import read_run
from tests.engine.test_train import lines
from tests.engine.test_train_uda import SEGMENTOR, UDA
from tests.engine.tiny import tiny_config

NAMED = {'day': {'type': 'TinyImages', 'size': 2}, 'night': {'type': 'TinyImages', 'size': 3}}


def named_config(work_dir, **options):
    cfg = tiny_config(work_dir, runner__max_iters=4, evaluation__interval=2, **options)
    cfg.data.val = NAMED
    return cfg


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('named') / 'run'
    return train(named_config(folder, model=SEGMENTOR, evaluation__save_best='night/mIoU'))


def test_a_table_has_a_column_a_set_and_their_mean_and_says_size_and_state(run):
    text = next(run.glob('*.log')).read_text()
    title = next(line for line in text.splitlines() if 'Evaluation on' in line and 'last' in line)
    assert 'val, 2 images of data.val.day at their own size, whole images;' in title
    assert 'val, 3 images of data.val.night at their own size, whole images;' in title
    assert title.endswith('student at last (iteration 4):')
    assert 'student at iteration 2 of 4:' in text
    (header, *_) = [line for line in text.splitlines() if line.startswith('class ')]
    assert [cell.strip() for cell in header.split('|')] == ['class', 'day', 'night', 'mean']


def test_the_record_holds_each_set_by_name_and_the_mean_under_the_plain_name(run):
    record = lines(run)['val', 4]
    assert record['mIoU'] == pytest.approx((record['day/mIoU'] + record['night/mIoU']) / 2, abs=2e-4)
    assert {'day/IoU.road', 'night/Acc.road', 'IoU.road', 'night/aAcc'} <= record.keys()


def test_the_best_checkpoint_of_one_set_is_kept_and_says_so(run):
    (best,) = run.glob('best_night_mIoU_iter_*.pth')
    records = {at: lines(run)['val', at]['night/mIoU'] for at in (2, 4)}
    meta = torch.load(best, weights_only=True)['meta']
    assert meta['iter'] == max(records, key=lambda at: (records[at], -at))
    assert checkpoint_in_words(meta) == f'best on data.val by night/mIoU, iteration {meta["iter"]}'
    last = torch.load(run / 'latest.pth', weights_only=True)['meta']
    assert checkpoint_in_words(last) == 'last (iteration 4)'


def test_an_unknown_metric_of_a_set_is_named_with_those_there_are(tmp_path):
    with pytest.raises(InputError, match=r"'nigth/mIoU' is no metric of the evaluation. Did you mean 'night/mIoU'"):
        build_runner(named_config(tmp_path / 'run', evaluation__save_best='nigth/mIoU'))


def test_a_report_reads_the_mean_and_each_set(run):
    metrics = read_run(run).metrics
    record = lines(run)['val', 4]
    assert metrics['day/mIoU'] == pytest.approx(100 * record['day/mIoU'], abs=0.01)
    assert metrics['mIoU'] == pytest.approx(100 * record['mIoU'], abs=0.01)
    assert read_run(run).state == 'last (iteration 4)'


def test_the_teacher_is_evaluated_where_the_config_says_so(tmp_path):
    options = {'model': SEGMENTOR, 'uda': UDA | {'alpha': 1.0}, 'runner__max_iters': 2, 'evaluation__interval': 2}
    student = train(tiny_config(tmp_path / 'student', **options))
    work_dir = train(tiny_config(tmp_path / 'teacher', **options, evaluation__weights='teacher'))
    assert 'teacher at last (iteration 2)' in next(work_dir.glob('*.log')).read_text()
    assert lines(work_dir)['train', 2]['loss'] == lines(student)['train', 2]['loss']
    assert lines(work_dir)['val', 2] != lines(student)['val', 2]
    with pytest.raises(InputError, match=r"evaluation\.weights='teacher', but TinySegmentor has no teacher"):
        build_runner(tiny_config(tmp_path / 'none', evaluation__weights='teacher'))


def test_every_part_of_the_package_finds_the_data_sets_in_named_ones():
    assert named_sets(None) == {}
    assert named_sets({'type': 'A'}) == {'': {'type': 'A'}}
    assert list(leaves({'a': {'type': 'A'}, 'b': {'type': 'R', 'dataset': {'type': 'B'}}})) == [
        {'type': 'A'},
        {'type': 'B'},
    ]
    assert first_leaf(NAMED) == NAMED['day']
    moved = of_test_set({'a': {'type': 'A', 'img_dir': 'x/val'}})
    assert moved['a']['img_dir'] == 'x/test'
    assert json.loads(json.dumps(named_sets(NAMED))) == NAMED


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ({'day/night': NAMED['day']}, "data.val: a data set cannot be called 'day/night'"),
        (
            {**NAMED['day'], 'night': NAMED['night']},
            "data.val holds the data set 'night' beside 'type', 'size'",
        ),
        ({'day': NAMED['day'], 'night': {'img_dir': 'x'}}, r"data.val holds the data set 'day' beside 'night'"),
        ({'day': {'type': 'CityscapesDatset'}}, "data.val.day: 'CityscapesDatset' is not a known data set"),
    ],
)
def test_sets_that_are_named_wrongly_are_one_sentence(data, message):
    with pytest.raises(InputError, match=message):
        check_datasets(data, 'data.val')


def test_where_one_set_is_needed_several_are_refused():
    with pytest.raises(InputError, match=r'One data set is needed here, not several by name \(day, night\)'):
        build_dataset(NAMED)


def test_of_several_sets_one_without_labels_is_named(tmp_path):
    cfg = named_config(tmp_path / 'run')
    cfg.data.val = {**NAMED, 'dusk': {'type': 'CustomDataset', 'ann_dir': None}}
    with pytest.raises(InputError, match=r'data.val.dusk has no labels \(ann_dir\)'):
        build_runner(cfg)
