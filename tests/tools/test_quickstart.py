import functools
from pathlib import Path

import pytest

from mmseg.commands import quickstart
from mmseg.config.leaves import leaves, parts_of_training
from mmseg.toy_params import ToyParams
from mmseg.writing import write_text

REPO = Path(__file__).resolve().parents[2]
OPTIONS = ['--cfg-options', 'runner.max_iters=2', 'evaluation.interval=2']


@pytest.mark.slow
def test_quickstart_ends_with_table_and_panel_and_skips_what_is_finished(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(REPO))
    monkeypatch.setattr(quickstart, 'ToyParams', functools.partial(ToyParams, source=12, train=6, val=3))

    def said() -> str:
        assert quickstart.main(OPTIONS) == 0
        return capfd.readouterr().out

    first = said()
    assert first.startswith('This takes about ')
    results = [line.partition(':')[0] for line in first.splitlines() if line.startswith('--- ')]
    assert sorted(results) == ['--- DAFormer', '--- oracle', '--- source-only']
    assert first.splitlines()[-1].endswith('work_dirs/quickstart/report/index.html')
    assert Path('work_dirs/quickstart/report/index.html').stat().st_size > 100_000
    assert all(name in first for name in ('source-only', 'DAFormer', 'oracle', 'mIoU (19 classes)', 'panel.png'))
    assert Path('work_dirs/quickstart/panel.png').stat().st_size > 10_000
    again = said()
    assert again.count('nothing to do') == 1 + 2 + 3  # the pair, two converters, three trainings
    assert table(again) == table(first)


@pytest.mark.parametrize('name', quickstart.FAST_RUNS)
def test_all_fast_runs_warm_up_for_the_same_share_of_their_iterations(name, monkeypatch):
    monkeypatch.chdir(REPO)
    shares = []
    for options in ([], ['--fast']):
        cfg = quickstart.load(name, quickstart.parse_args(options))
        shares.append(cfg.lr_config.warmup_iters / cfg.runner.max_iters)
        assert cfg.runner.max_iters == cfg.evaluation.interval
    assert shares == [0.125, 0.125]


def test_the_fast_runs_see_pictures_of_one_size_equally_often(monkeypatch):
    monkeypatch.chdir(REPO)
    args = quickstart.parse_args(['--fast'])
    source_only, daformer = (quickstart.load(name, args) for name in ('source-only', 'DAFormer'))
    assert source_only.runner == daformer.runner
    assert source_only.data.val == daformer.data.val
    assert source_only.data.train == daformer.data.train.source
    sizes = {step.img_scale for cfg in (source_only, daformer) for step in steps(cfg) if 'img_scale' in step}
    crops = {step.crop_size for cfg in (source_only, daformer) for step in steps(cfg) if 'crop_size' in step}
    assert (sizes, crops) == ({(192, 96)}, {(96, 96)})


def steps(cfg):
    parts = (*leaves(parts_of_training(cfg.data.train)), cfg.data.val, cfg.data.test)
    return [step for part in parts for step in part.pipeline]


def test_a_setting_of_the_users_wins_over_the_quickstarts_own(monkeypatch):
    monkeypatch.chdir(REPO)
    args = quickstart.parse_args(['--fast', *OPTIONS])
    assert quickstart.load('source-only', args).runner.max_iters == 2


def test_a_training_that_was_interrupted_goes_on_with_the_same_settings_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(REPO)
    args = quickstart.parse_args(['--out', str(tmp_path), *OPTIONS])
    folder = tmp_path / 'oracle'
    assert quickstart.iterations_done('oracle', args) == 0
    write_text(folder / quickstart.BEGUN, quickstart.settings_of('oracle', args))
    for number in (50, 100):
        (folder / f'iter_{number}.pth').touch()
    assert quickstart.iterations_done('oracle', args) == 100
    other = quickstart.parse_args(['--out', str(tmp_path), '--seed', '1', *OPTIONS])
    assert quickstart.iterations_done('oracle', other) == 0


def table(output: str) -> list[str]:
    return [line for line in output.splitlines() if ' | ' in line][-22:]
