"""The runs of the MIC paper: names of all, settings of one of every kind."""

import csv
from pathlib import Path

import pytest

from mmseg.config.components import check_components
from mmseg.config.load import load_config
from mmseg.config.tables import rows_of
from mmseg.engine import experiments

ROOT = Path(__file__).parents[1]
PUBLISHED = list(csv.DictReader((ROOT / 'tests' / 'data' / 'mic_experiments.csv').open()))
COUNTS = {'80': 12, '81': 18, '82': 12, '83': 12, '84': 45, '85': 3}


@pytest.mark.parametrize('exp', COUNTS)
def test_runs_have_the_published_names(exp):
    published = [row for row in PUBLISHED if row['id'] == exp]
    rows = rows_of(exp)
    assert len(rows) == len(published) == COUNTS[exp]
    assert sum(COUNTS.values()) == len(PUBLISHED) == 102
    for run, expected in zip(rows, published, strict=True):
        cfg = run.cfg()
        for key in ('name', 'name_dataset', 'name_architecture', 'name_uda', 'name_opt'):
            assert cfg[key] == expected[key]
        assert (run.name, run.seed) == (expected['name'], int(expected['seed']))
        assert cfg['runner']['max_iters'] == int(expected['max_iters'])


SAME = {'alpha': 'same', 'pseudo_threshold': 'same'}
TEACHER = {'alpha': 0.999, 'pseudo_threshold': 0.968}
TARGET = {'mode': 'separatetrgaug', 'block_size': 32, 'ratio': 0.7, **SAME}
# Table, part of the name; method and term.
KINDS = [
    ('80 gtaHR', 'DACS', {**TARGET, 'block_size': 64}),
    ('80 dzur', 'DACS', {**TARGET, 'block_size': 64, 'mode': 'separate'}),
    ('81 advseg', 'AdvSeg', {**TARGET, **TEACHER}),
    ('81 minent', 'MinEnt', {**TARGET, **TEACHER}),
    ('83 -a0-', 'DACS', {**TARGET, 'alpha': 0}),
    ('83 -pN-', 'DACS', {**TARGET, 'pseudo_threshold': None}),
    ('84 m128-09', 'DACS', {**TARGET, 'block_size': 128, 'ratio': 0.9}),
    ('85 srconly', 'SourceOnly', {**TARGET, 'mode': 'separatesrc'}),
]


@pytest.mark.usefixtures('each_network_once')
@pytest.mark.parametrize(('run', 'method', 'term'), KINDS)
def test_a_run_of_each_kind_has_its_masks_and_is_built(tmp_path, monkeypatch, run, method, term):
    exp, only = run.split()
    monkeypatch.setattr(experiments, 'GENERATED', tmp_path / 'generated')
    (path,) = experiments.write_configs(rows_of(exp, seeds=[0], only=only))
    cfg = load_config(path)
    check_components(cfg)
    assert cfg.uda.type == method
    assert cfg.uda.terms == [{'type': 'MaskedConsistency', **term}]
    assert (cfg.optimizer.type == 'SGD') == (method in ('AdvSeg', 'MinEnt'))


def test_supervised_training_reads_the_labels_of_cityscapes_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, 'GENERATED', tmp_path / 'generated')
    (path,) = experiments.write_configs(rows_of('85', seeds=[1]))
    assert load_config(path).data.train.type == 'CityscapesDataset'
