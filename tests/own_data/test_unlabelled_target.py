import json
import math

import numpy as np
import pytest
import torch

from mmseg.config.load import load_config
from mmseg.config.test_data import described_by_training
from mmseg.datasets.held_out import held_out_indices
from mmseg.datasets.loader import build_dataset
from mmseg.engine.train import train
from mmseg.errors import InputError
from mmseg.evaluation.label_free import sureness
from mmseg.report.gallery import build_gallery
from mmseg.report.html import page_data
from mmseg.report.logs import read_log
from mmseg.report.runs import experiments_of, read_run
from tests.own_data.users import images_of, loaded, pipelines, user_config, write_domain
from tools import compare_runs, features, test_work_dir

MONITOR = {'interval': 2, 'images': 3, 'held_out': 0.5}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp('unlabelled')
    write_domain(root / 'a')
    write_domain(root / 'b', gain=1.4)
    return train(loaded(user_config(root, target_monitor=MONITOR), root / 'work' / 'run'))


def test_sureness_is_worked_out_for_every_pixel():
    half, sure = [0.0, 0.0], [0.0, math.log(3)]  # probabilities 1/2, 1/2 and 1/4, 3/4
    logits = torch.tensor([half, sure]).T[None, :, None]
    pixels, above, best, entropy = sureness(logits, 0.7).tolist()
    assert (pixels, above) == (2, 1)
    assert best == pytest.approx(0.5 + 0.75)
    assert entropy == pytest.approx(1 + (0.25 * 2 + 0.75 * math.log2(4 / 3)))


@pytest.mark.parametrize(('total', 'share', 'indices'), [(10, 0.1, [9]), (7, 0.5, [1, 3, 5]), (12, 0.25, [3, 7, 11])])
def test_every_so_manieth_image_is_held_out(total, share, indices):
    assert held_out_indices(total, share).tolist() == indices


def test_holding_out_nothing_by_accident_is_refused():
    with pytest.raises(InputError, match=r'held_out=0\.1 of 5 source images is none'):
        held_out_indices(5, 0.1)


def test_training_never_sees_what_is_held_out_and_counts_only_its_own(tmp_path):
    write_domain(tmp_path / 'a', 5)
    whole = images_of(tmp_path / 'a', pipelines()['labelled'], ann_dir='lab')
    parts = {
        part: build_dataset({'type': 'PartDataset', 'dataset': whole, 'held_out': 0.5, 'part': part})
        for part in ('training', 'held out')
    }
    names = {part: [parts[part].image_path(i).name for i in range(len(parts[part]))] for part in parts}
    assert names == {'training': ['0.png', '2.png', '4.png'], 'held out': ['1.png', '3.png']}
    assert np.array_equal(parts['training'].class_counts(tmp_path)[:, 1], [32 * 22, 32 * 24, 32 * 26])


def test_a_run_without_any_target_label_says_what_is_not_measured_and_logs_how_sure_it_is(run):
    text = next(run.glob('*.log')).read_text()
    assert 'No mIoU is measured in this run: there is no data.val.' in text
    values = read_log(run).val
    assert sorted(values) == [2, 4]
    assert set(values[4]) == {'target_quality', 'target_confidence', 'target_entropy', 'source_mIoU'}
    assert all(0 <= value <= 1 for value in values[4].values())


def test_such_a_run_is_tested_by_pictures(run, capsys):
    assert test_work_dir.main([str(run), '--device', 'cpu', '--out', str(run / 'found.json')]) in (0, None)
    assert 'data.test has no labels: nothing was measured.' in capsys.readouterr().out
    assert sorted(file.name for file in (run / 'preds').iterdir()) == ['0.png', '1.png', '2.png', '3.png']
    assert json.loads((run / 'found.json').read_text())['images'] == 4


def test_such_a_run_is_reported_as_finished_with_pictures_and_without_a_score(run):
    found = read_run(run)
    assert found.finished
    assert found.evaluations == {}
    (experiment,) = experiments_of([found])
    assert experiment.spread('mIoU') is None
    gallery = build_gallery([experiment], count=2, predict=True)
    titles = [layer.title for layer in gallery.scenes[0].layers]
    assert titles == ['image', experiment.label]
    page = page_data([experiment], gallery, 'a page', [])
    assert page['curves']['keys'][:3] == ['target_quality', 'loss', 'lr']
    (warning,) = page['warnings']
    quality = found.log.curve('target_quality')[1][-1]
    assert warning['text'].startswith(f'label-free figures: target_quality {quality:.1f} %, target_confidence ')


def test_such_runs_are_compared_and_their_features_drawn(run, tmp_path, capsys):
    compare_runs.main([f'first={run}', '--out', str(tmp_path / 'out'), '--images', '1'])
    assert 'The test data have no labels' in (tmp_path / 'out' / 'table.txt').read_text()
    assert (tmp_path / 'out' / 'panel.png').is_file()
    features.main(
        [str(run), '--method', 'pca', '--cells', '1', '--images', '4', '--stage', '0', '--out', str(tmp_path)]
    )
    assert 'The target has no labels: its points have the colours of what the network predicts.' in (
        capsys.readouterr().out
    )


def test_the_best_checkpoint_of_nothing_measured_is_refused(tmp_path):
    write_domain(tmp_path / 'a')
    write_domain(tmp_path / 'b')
    file = user_config(tmp_path, evaluation={'interval': 2, 'save_best': 'mIoU'})
    with pytest.raises(InputError, match=r"save_best='mIoU' needs a measured value, but there is no data\.val"):
        train(loaded(file, tmp_path / 'run'))


def test_a_config_without_test_data_is_tested_on_the_target_of_its_training(tmp_path):
    write_domain(tmp_path / 'a')
    write_domain(tmp_path / 'b')
    test = load_config(user_config(tmp_path), purpose='test').data.test
    assert (test.data_root, test.ann_dir, test.classes[1]) == (str(tmp_path / 'b'), None, 'house')
    assert [step.type for step in test.pipeline] == ['LoadImageFromFile', 'MultiScaleFlipAug']
    assert build_dataset(test, {'test_mode': True})[0]['img'][0].shape == (3, 48, 64)


def test_sizes_of_training_are_those_of_testing():
    steps = [{'type': 'LoadImageFromFile'}, {'type': 'Resize', 'img_scale': (128, 64), 'ratio_range': (0.5, 2)}]
    train_set = {'target': {'type': 'CustomDataset', 'classes': ['a'], 'pipeline': steps}}
    found = described_by_training({'train': train_set})['pipeline'][1]
    assert (found['type'], found['img_scale']) == ('MultiScaleFlipAug', (128, 64))
