import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.logging import print_log

from mmseg.engine import train as engine_train
from mmseg.engine.checkpoints import checkpoint_io
from mmseg.engine.stop import Interrupted, NonFiniteLoss, NonFiniteState
from mmseg.engine.train import train
from mmseg.errors import InputError
from tests.engine.tiny import TinyImages, tiny_config

TIMES = ('time', 'data_time', 'memory')
KILL_AT_8 = [{'type': 'KillAt', 'iteration': 8}]


def lines(work_dir: Path) -> dict:
    """Log lines of a run by (mode, iteration), later files last, without what depends on the clock."""
    found = {}
    for path in sorted(work_dir.glob('*.log.json')):
        for text in path.read_text().splitlines():
            line = json.loads(text)
            if 'mode' in line:
                found[line['mode'], line['iter']] = {k: v for k, v in line.items() if k not in TIMES}
    return found


def final(work_dir: Path) -> dict:
    return torch.load(work_dir / 'iter_12.pth', weights_only=True)


def assert_same_run(one: Path, other: Path) -> None:
    """Logs, weights and optimizer of two runs agree bit for bit."""
    assert lines(one) == lines(other)
    first, second = final(one), final(other)
    assert first['state_dict'].keys() == second['state_dict'].keys()
    for name, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][name]), name
    for number, state in first['optimizer']['state'].items():
        for name, value in state.items():
            assert torch.equal(value, second['optimizer']['state'][number][name]), name


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """A run of 12 iterations that nothing interrupts."""
    return train(tiny_config(tmp_path_factory.mktemp('straight') / 'run'))


def test_the_work_directory_has_what_its_users_expect(straight):
    names = {path.name for path in straight.iterdir() if not path.name.startswith('2')}
    assert names == {'run.json', 'environment.txt', 'iter_6.pth', 'iter_12.pth', 'latest.pth'}
    times = sorted(path.name for path in straight.iterdir() if path.name.startswith('2'))
    assert len(times) == 2
    assert times[1] == times[0] + '.json'  # <time>.log and <time>.log.json
    assert json.loads((straight / 'run.json').read_text())['runner']['max_iters'] == 12
    assert 'torch: ' in (straight / 'environment.txt').read_text()


def test_every_record_is_a_json_line_with_the_names_of_the_losses(straight):
    found = lines(straight)
    assert [it for mode, it in found if mode == 'train'] == [4, 8, 12]
    assert [it for mode, it in found if mode == 'val'] == [3, 6, 9, 12]
    train_line = found['train', 8]
    assert {'lr', 'loss', 'decode.loss_seg'} < train_line.keys()
    assert train_line['lr'] == pytest.approx(0.01 * (1 - 7 / 12))  # what was in force during the eighth iteration
    val_line = found['val', 12]
    ious = [value for name, value in val_line.items() if name.startswith('IoU.') and value is not None]
    assert len(ious) == 11
    assert sum(ious) / len(ious) == pytest.approx(val_line['mIoU'], abs=1e-4)


def test_the_text_log_shows_progress_and_names_unused_keys(straight):
    text = next(straight.glob('*.log')).read_text()
    assert 'Iter [8/12] lr: ' in text
    for word in (
        'eta: ',
        'time: ',
        'data_time: ',
        'memory: ',
        'decode.loss_seg: ',
        'Evaluation on val, 4 images of data.val ',
    ):
        assert word in text
    assert "no parameter has a name with 'pos_block'" in text


def test_a_checkpoint_says_what_it_was_made_with(straight):
    meta = final(straight)['meta']
    assert (meta['iter'], meta['seed'], len(meta['CLASSES']), len(meta['PALETTE'])) == (12, 5, 11, 11)
    assert json.loads(meta['config'])['optimizer']['lr'] == 0.01
    assert meta['env_info']['torch']


def test_two_runs_of_one_seed_are_bit_identical_for_any_number_of_workers(straight, tmp_path):
    assert_same_run(straight, train(tiny_config(tmp_path / 'run', data__workers_per_gpu=2)))


def test_another_seed_is_another_run(straight, tmp_path):
    other = train(tiny_config(tmp_path / 'run', seed=6, evaluation=None))
    assert lines(other)['train', 4]['loss'] != lines(straight)['train', 4]['loss']


@pytest.mark.parametrize('workers', [0, 2])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(straight, tmp_path, workers):
    work_dir = tmp_path / 'run'
    command = [sys.executable, '-m', 'tests.engine.tiny', str(work_dir), f'data.workers_per_gpu={workers}']
    with (tmp_path / 'errors').open('w+') as errors:  # no pipe: orphaned workers would hold it open
        killed = subprocess.run([*command, f'custom_hooks={KILL_AT_8}'], check=False, stdout=errors, stderr=errors)
        errors.seek(0)
        assert killed.returncode == -signal.SIGKILL, errors.read()
    assert not (work_dir / 'iter_12.pth').exists()
    train(tiny_config(work_dir, data__workers_per_gpu=2 - workers), resume=work_dir / 'latest.pth')
    assert_same_run(straight, work_dir)


@pytest.mark.usefixtures('sighup_heard')
@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGUSR1, 75)]
)
def test_a_signal_saves_the_state_between_two_iterations(straight, tmp_path, number, code):
    work_dir = tmp_path / 'run'
    hooks = [{'type': 'KillAt', 'iteration': 7, 'number': int(number)}]
    with pytest.raises(Interrupted, match=r'after iteration 7 of 12.*--resume') as stopped:
        train(tiny_config(work_dir, custom_hooks=hooks))
    assert stopped.value.exit_code == code
    train(tiny_config(work_dir), resume=work_dir / 'iter_7.pth')
    assert_same_run(straight, work_dir)


@pytest.mark.parametrize('iteration', [6, 12])
def test_a_signal_in_an_evaluation_saves_the_state_at_once(tmp_path, monkeypatch, iteration):
    seen = []

    def label_of(images, index):
        seen.append(index)
        if len(seen) == images.size * (iteration // 3 - 1) + 2:  # the second image of that evaluation
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(images, index)

    plain = TinyImages.label_of
    monkeypatch.setattr(TinyImages, 'label_of', label_of)
    with pytest.raises(Interrupted, match=rf'after iteration {iteration} of 12'):
        train(tiny_config(tmp_path / 'run'))
    assert seen[-1] < TinyImages().size - 1
    saved = torch.load(tmp_path / 'run' / 'latest.pth', weights_only=True)
    assert saved['meta']['iter'] == iteration
    assert ('val', iteration) not in lines(tmp_path / 'run')


def test_what_is_said_while_the_parts_are_built_is_in_the_log(tmp_path, monkeypatch):
    built = engine_train.build_model
    monkeypatch.setattr(
        engine_train, 'build_model', lambda cfg: print_log('The cache is stale.', 'current') or built(cfg)
    )
    for name in ('first', 'second'):
        work_dir = train(tiny_config(tmp_path / name))
        (log,) = work_dir.glob('*.log')
        assert log.read_text().count('The cache is stale.') == 1


def test_nothing_is_saved_without_a_checkpoint_config(tmp_path):
    hooks = [{'type': 'KillAt', 'iteration': 3, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted, match='no state is saved'):
        train(tiny_config(tmp_path / 'run', checkpoint_config=None, custom_hooks=hooks))
    work_dir = train(tiny_config(tmp_path / 'run', checkpoint_config=None))
    assert list(work_dir.glob('*.pth')) == []


@pytest.mark.parametrize('log_interval', [1, 5])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_good_checkpoint(tmp_path, log_interval):
    cfg = tiny_config(tmp_path / 'run', model__poison_at=4, log_config__interval=log_interval)
    cfg.checkpoint_config.interval = 2
    with pytest.raises(NonFiniteLoss, match=r'from iteration 5 on.*loss nan.*source_8\.png') as stopped:
        train(cfg)
    assert stopped.value.exit_code != 0
    latest = torch.load(tmp_path / 'run' / 'latest.pth', weights_only=True)
    assert latest['meta']['iter'] == 4
    assert all(value.isfinite().all() for value in latest['state_dict'].values())
    assert (tmp_path / 'run' / 'non_finite.pth').is_file()


@pytest.mark.parametrize('iteration', [4, 12])
def test_weights_that_a_step_made_infinite_never_replace_a_good_checkpoint(tmp_path, iteration):
    hooks = [{'type': 'OverflowAt', 'iteration': iteration}]
    saving = {'checkpoint_config__interval': 2, 'checkpoint_config__max_keep_ckpts': 1}
    with pytest.raises(
        NonFiniteState, match=rf'after iteration {iteration}, .*: decode_head\.bias, .*non_finite'
    ) as stopped:
        train(tiny_config(tmp_path / 'run', custom_hooks=hooks, **saving))
    assert stopped.value.exit_code == 3
    assert [path.name for path in checkpoint_io.saved_iterations(tmp_path / 'run')] == [f'iter_{iteration - 2}.pth']
    latest = torch.load(tmp_path / 'run' / 'latest.pth', weights_only=True)
    assert latest['meta']['iter'] == iteration - 2
    assert all(value.isfinite().all() for value in latest['state_dict'].values())


def test_a_run_that_saves_nothing_does_not_end_well_with_weights_of_no_use(tmp_path):
    hooks = [{'type': 'OverflowAt', 'iteration': 12}]
    with pytest.raises(NonFiniteState, match=r'decode_head\.bias'):
        train(tiny_config(tmp_path / 'run', custom_hooks=hooks, checkpoint_config=None))


def test_logging_evaluating_and_saving_at_every_iteration(tmp_path):
    every = {'log_config__interval': 1, 'evaluation__interval': 1, 'checkpoint_config__interval': 1}
    work_dir = train(tiny_config(tmp_path / 'run', runner__max_iters=3, **every))
    assert list(lines(work_dir)) == [(mode, it) for it in (1, 2, 3) for mode in ('train', 'val')]
    assert [path.name for path in checkpoint_io.saved_iterations(work_dir)] == ['iter_2.pth', 'iter_3.pth']


def test_logged_losses_are_means_over_the_interval(straight, tmp_path):
    each = lines(train(tiny_config(tmp_path / 'run', log_config__interval=1, evaluation=None)))
    mean = sum(each['train', it]['loss'] for it in (5, 6, 7, 8)) / 4
    assert lines(straight)['train', 8]['loss'] == pytest.approx(mean, rel=1e-6)


def test_curves_have_every_loss_and_every_class(tmp_path):
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    cfg = tiny_config(tmp_path / 'run', runner__max_iters=3, log_config__interval=1)
    cfg.log_config.hooks.append({'type': 'TensorboardLoggerHook'})
    work_dir = train(cfg)
    events = accumulator.EventAccumulator(str(work_dir / 'tf_logs')).Reload()
    tags = set(events.Tags()['scalars'])
    assert {'train/decode.loss_seg', 'learning_rate', 'val/mIoU'} < tags
    assert sum(tag.startswith('val/IoU.') for tag in tags) == 11
    assert [event.step for event in events.Scalars('learning_rate')] == [1, 2, 3]


def test_a_curve_backend_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    cfg = tiny_config(tmp_path / 'run')
    cfg.log_config.hooks.append({'type': 'TensorboardLoggerHook'})
    with pytest.raises(InputError, match='pip install tensorboard'):
        train(cfg)
    assert not (tmp_path / 'run').exists()


def test_bfloat16_trains_on_the_cpu(tmp_path):
    found = lines(train(tiny_config(tmp_path / 'run', precision='bf16', evaluation=None)))
    assert math.isfinite(found['train', 12]['loss'])


def test_resuming_a_finished_run_changes_nothing(straight, capsys):
    before = (straight / 'latest.pth').read_bytes()
    train(tiny_config(straight), resume=straight / 'latest.pth')
    assert (straight / 'latest.pth').read_bytes() == before
    assert 'all 12 iterations are done' in capsys.readouterr().out


def test_a_checkpoint_of_another_network_is_refused(straight, tmp_path):
    state = final(straight)
    state['state_dict'].pop('decode_head.bias')
    torch.save(state, tmp_path / 'other.pth')
    with pytest.raises(InputError, match=r'decode_head\.bias'):
        train(tiny_config(tmp_path / 'run'), resume=tmp_path / 'other.pth')
