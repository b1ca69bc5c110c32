"""What a run goes on from, and what it refuses to go on with."""

import json
import signal

import pytest
import torch

from mmseg.engine.checkpoints import best_checkpoint
from mmseg.engine.checkpoints.checkpoint_io import saved_iterations
from mmseg.engine.hooks import evaluation
from mmseg.engine.stop import Interrupted
from mmseg.engine.train import train
from mmseg.errors import InputError
from tests.engine.checkpoints.test_recovery import damage
from tests.engine.test_train import assert_same_run, lines
from tests.engine.tiny import tiny_config


def stopped_at(iteration, work_dir, **options):
    """A run that a signal has ended after ``iteration``."""
    hooks = [{'type': 'KillAt', 'iteration': iteration, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(tiny_config(work_dir, custom_hooks=hooks, **options))
    return work_dir


def log_of(work_dir):
    return '\n'.join(path.read_text() for path in sorted(work_dir.glob('*.log')))


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    return train(tiny_config(tmp_path_factory.mktemp('straight') / 'run'))


def test_a_run_goes_on_from_the_newest_whole_checkpoint(straight, tmp_path):
    work_dir = stopped_at(8, tmp_path / 'run')
    for name in ('latest.pth', 'iter_8.pth'):
        damage(work_dir / name)
    train(tiny_config(work_dir), resume=work_dir)
    assert_same_run(straight, work_dir)
    assert 'iter_8.pth is damaged' in log_of(work_dir)
    assert 'Going on from iter_6.pth' in log_of(work_dir)


def test_a_checkpoint_named_by_its_file_is_refused_when_it_is_damaged(tmp_path):
    work_dir = stopped_at(4, tmp_path / 'run')
    damage(work_dir / 'latest.pth')
    with pytest.raises(InputError, match=r'latest\.pth is damaged'):
        train(tiny_config(work_dir), resume=work_dir / 'latest.pth')


@pytest.mark.parametrize('iteration', [6, 12])
def test_an_evaluation_that_fails_loses_no_training_and_comes_first_in_the_resume(
    straight, tmp_path, monkeypatch, iteration
):
    work_dir = tmp_path / 'run'
    measured = evaluation.evaluate

    def fail(model, *args, **kwargs):
        if int(model.steps) == iteration:
            raise InputError('broken image')
        return measured(model, *args, **kwargs)

    monkeypatch.setattr(evaluation, 'evaluate', fail)
    with pytest.raises(InputError, match='broken image'):
        train(tiny_config(work_dir))
    assert torch.load(work_dir / 'latest.pth', weights_only=True)['meta']['iter'] == iteration
    assert ('val', iteration) not in lines(work_dir)
    monkeypatch.undo()
    train(tiny_config(work_dir), resume=work_dir)
    assert_same_run(straight, work_dir)


def test_an_evaluation_that_is_in_the_log_is_not_repeated(tmp_path):
    work_dir = train(tiny_config(tmp_path / 'run', runner__max_iters=3, evaluation__interval=3))
    train(tiny_config(work_dir, runner__max_iters=3, evaluation__interval=3), resume=work_dir)
    assert log_of(work_dir).count('Evaluation on ') == 1


def test_a_checkpoint_of_the_clock_replaces_the_latest_alone_and_is_gone_on_from_bit_for_bit(straight, tmp_path):
    work_dir = tmp_path / 'run'
    cfg = tiny_config(work_dir, checkpoint_config__minutes=1e-9, checkpoint_config__max_keep_ckpts=1)
    cfg.custom_hooks = [{'type': 'FailAt', 'iteration': 11}]
    with pytest.raises(ZeroDivisionError):
        train(cfg)
    assert [path.name for path in saved_iterations(work_dir)] == ['iter_6.pth']
    assert torch.load(work_dir / 'latest.pth', weights_only=True)['meta']['iter'] == 10
    train(tiny_config(work_dir), resume=work_dir)
    assert_same_run(straight, work_dir)


def test_a_checkpoint_from_before_these_records_is_gone_on_from(straight, tmp_path):
    work_dir = stopped_at(7, tmp_path / 'run')
    state = torch.load(work_dir / 'latest.pth', weights_only=True)
    for key in ('config', 'env_info', 'changes'):
        del state['meta'][key]
    torch.save(state, work_dir / 'latest.pth')
    train(tiny_config(work_dir), resume=work_dir)
    assert_same_run(straight, work_dir)


def test_what_changes_the_training_is_refused_by_name_unless_it_is_allowed_and_recorded(tmp_path):
    work_dir = stopped_at(7, tmp_path / 'run')
    changed = {'optimizer__lr': 0.02, 'data__samples_per_gpu': 3, 'seed': 6}
    with pytest.raises(InputError) as refused:
        train(tiny_config(work_dir, **changed), resume=work_dir)
    for text in ('optimizer.lr 0.01 → 0.02', 'data.samples_per_gpu 2 → 3', 'seed 5 → 6', '--allow-changes'):
        assert text in str(refused.value)
    train(tiny_config(work_dir, **changed), resume=work_dir, allow_changes=True)
    final = torch.load(work_dir / 'iter_12.pth', weights_only=True)
    assert final['meta']['changes'] == [
        {
            'iter': 7,
            'settings': {'data.samples_per_gpu': [2, 3], 'optimizer.lr': [0.01, 0.02], 'seed': [5, 6]},
        }
    ]
    assert [group['initial_lr'] for group in final['optimizer']['param_groups']] == [0.02, 0.2]
    assert 'optimizer.lr 0.01 → 0.02' in log_of(work_dir)
    assert json.loads((work_dir / 'run.json').read_text())['seed'] == 6


@pytest.mark.parametrize('metric', ['mIoU', 'IoU.sky'])
def test_the_best_state_is_kept_apart_and_is_that_of_the_log_also_over_a_resume(tmp_path, metric):
    options = {'evaluation__save_best': metric, 'evaluation__interval': 2, 'checkpoint_config__max_keep_ckpts': 1}
    runs = [train(tiny_config(tmp_path / 'straight', **options)), stopped_at(7, tmp_path / 'run', **options)]
    train(tiny_config(runs[1], **options), resume=runs[1])
    for work_dir in runs:
        scores = {at: line[metric] for (mode, at), line in lines(work_dir).items() if mode == 'val'}
        best = max(scores, key=lambda at: (scores[at], -at))
        (path,) = work_dir.glob('best_*.pth')
        assert path.name == f'best_{metric}_iter_{best}.pth'
        assert torch.load(path, weights_only=True)['meta']['best'] == {metric: scores[best]}
        assert [path.name for path in saved_iterations(work_dir)] == ['iter_12.pth']
    assert_same_run(*runs)


def test_a_metric_that_the_evaluation_does_not_have_is_named_before_the_training(tmp_path):
    with pytest.raises(InputError, match=r"save_best='mIou' is no metric.*Did you mean 'mIoU'"):
        train(tiny_config(tmp_path / 'run', evaluation__save_best='mIou'))
    assert not (tmp_path / 'run').exists()


def test_two_best_values_that_are_equal_leave_the_earlier_one(tmp_path):
    best = best_checkpoint.BestCheckpoint('auto', ['mIoU'])
    saved = []

    class Runner:
        work_dir = tmp_path

        class logger:  # noqa: N801
            info = staticmethod(lambda text: None)

        @staticmethod
        def save_state(name, iteration, notes):
            saved.append(name)
            (tmp_path / name).touch()

    for done, value in ((1, 0.5), (2, float('nan')), (3, 0.5), (4, 0.6)):
        best.offer(Runner(), done, {'mIoU': value})
    assert saved == ['best_mIoU_iter_1.pth', 'best_mIoU_iter_4.pth']
    assert [path.name for path in tmp_path.iterdir()] == ['best_mIoU_iter_4.pth']
