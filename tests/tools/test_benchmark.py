import argparse
import json
import sys
import types

import pytest
import torch

from mmseg.benchmark import _training, beside, methods, projection, step
from mmseg.benchmark._table import table
from mmseg.benchmark._training import Trainer
from mmseg.benchmark.options import MEASUREMENTS
from mmseg.benchmark.settings import Setting
from mmseg.commands import benchmark
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.errors import InputError

CPU = torch.device('cpu')


def logged(setting):
    trainer = Trainer(Setting(setting), model='mit_b0', size=64, batch=1, device=CPU)
    torch.manual_seed(1)
    values = trainer.step()
    return values, [parameter.grad for parameter in trainer.uda.model.parameters()]


def test_the_plain_and_the_fast_setting_take_the_same_step():
    (fast, fast_gradients), (plain, plain_gradients) = logged('fast'), logged('plain')
    for name, value in plain.items():
        torch.testing.assert_close(fast[name], value, rtol=1e-4, atol=1e-4)
    norms = [torch.stack([g.norm() for g in gradients]).norm() for gradients in (fast_gradients, plain_gradients)]
    torch.testing.assert_close(norms[0], norms[1], rtol=1e-3, atol=0)


@pytest.mark.parametrize('word', _training.WITHOUT)
def test_a_fast_path_can_be_left_out_of_a_step_and_only_of_that(monkeypatch, word):
    owner, name, instead = _training.WITHOUT[word]
    if isinstance(instead, bool):  # which way is the fast one follows from the processor: here it is this one
        monkeypatch.setattr(owner, name, not instead)
    before, seen = getattr(owner, name), []
    trainer = Trainer(Setting(f'fast,{word}'), model='mit_b0', size=64, batch=1, device=CPU)
    monkeypatch.setattr(trainer.uda, 'train_step', lambda *_: seen.append(getattr(owner, name)) or {})
    trainer.step()
    assert seen == [instead]
    assert getattr(owner, name) is before
    assert instead is not before


def test_step_prints_a_table_and_writes_what_it_measured(tmp_path, capsys):
    out = tmp_path / 'result.json'
    command = ['step', '--size', '64', '--batch', '1', '--rounds', '1', '--warmup', '0', '--out', str(out)]
    assert benchmark.main([*command, '--settings', 'fast', '--device', 'cpu']) == 0
    result = json.loads(out.read_text())
    assert [row['setting'] for row in result['step']['rows']] == ['fast', 'plain']
    assert result['step']['rows'][1]['speed against plain'] == 1
    assert result['step']['rows'][0]['times as long as fast'] == 1
    stages = {row['part']: row for row in result['step']['stages']}
    assert {'EMA', 'teacher forward', 'backward', 'optimizer', 'step'} <= stages.keys()
    milliseconds = [row['fast, ms'] for part, row in stages.items() if part != 'step']
    assert sum(milliseconds) == pytest.approx(stages['step']['fast, ms'])
    assert stages['step']['plain, %'] == 100
    assert result['machine']['torch'] == torch.__version__
    assert '| fast    |' in capsys.readouterr().out


@pytest.mark.slow
def test_kernels_are_listed_by_their_time_and_add_up(tmp_path):
    out = tmp_path / 'kernels.json'
    command = ['kernels', '--size', '32', '--batch', '1', '--warmup', '1', '--longest', '10000', '--device', 'cpu']
    assert benchmark.main([*command, '--out', str(out)]) == 0
    result = json.loads(out.read_text())['kernels']
    times = [row['ms a step'] for row in result['rows']]
    assert times == sorted(times, reverse=True)
    assert sum(times) == pytest.approx(result['ms a step'])
    norms = {row['kernel']: row['times a step'] for row in result['rows']}['aten::native_layer_norm']
    assert norms == 4 * (4 + 8 * 2 + 6 + 4)  # stems, blocks, reductions and stages of MiT-B0, in four passes


def test_a_step_does_as_many_operations_as_its_passes():
    # a depthwise convolution, 3x3 on 8 channels of 4x4: 8 * 16 * 9 products one way, twice that back
    shape, weight = (1, 8, 4, 4), (8, 1, 3, 3)
    rest = (None, [1, 1], [1, 1], [1, 1], False, [0, 0], 8, [True, True, False])
    assert step.convolution_backward_flop(shape, shape, weight, *rest) == 2 * 2 * 8 * 16 * 9


def test_timing_the_parts_leaves_the_method_as_it_was():
    trainer = Trainer(Setting('plain'), model='mit_b0', size=64, batch=1, device=CPU)
    before = trainer.uda.update_teacher
    parts = _training.timed_parts(trainer, lambda: 0.0)
    assert parts['step'] == 0
    assert trainer.uda.update_teacher == before
    assert 'backward' not in vars(trainer.optimizer)


@pytest.mark.parametrize(
    'wrong',
    [
        'ema --threads 0',
        'data --samples 0',
        'eval --images -1',
        'startup --repeats 0',
        'step --size 0',
        'step --rounds two',
    ],
)
def test_a_number_that_measures_nothing_is_refused(wrong, capsys):
    with pytest.raises(SystemExit, match='2'):
        benchmark.main(wrong.split())
    assert 'has to be a whole number of at least 1' in capsys.readouterr().err


def test_a_folder_for_the_result_is_refused_before_anything_is_measured(tmp_path, capsys):
    assert benchmark.main(['ema', '--out', str(tmp_path)]) == 2
    assert 'is a folder' in capsys.readouterr().err


def test_all_goes_on_where_a_measurement_cannot_run(monkeypatch, tmp_path):
    def impossible(args: argparse.Namespace) -> dict:
        raise InputError('no GPU')

    measured = {'no': impossible, 'yes': lambda args: {'rows': [{'ms': 1.0}]}}
    monkeypatch.setattr(benchmark, 'MEASUREMENTS', dict.fromkeys(measured, lambda parser: None))
    for name, run in measured.items():
        monkeypatch.setitem(sys.modules, f'mmseg.benchmark.{name}', types.SimpleNamespace(run=run))
    out = tmp_path / 'all.json'
    assert benchmark.main(['all', '--out', str(out)]) == 1
    result = json.loads(out.read_text())
    assert result['no'] == {'not measured': 'InputError: no GPU'}
    assert result['yes']['rows'] == [{'ms': 1.0}]


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        (['step', '--settings', 'fas'], "Did you mean 'fast'"),
    ],
)
def test_mistakes_are_named(command, message, capsys):
    assert benchmark.main(command) == 2
    assert message in capsys.readouterr().err


def test_projection_asks_for_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(InputError, match='needs a GPU'):
        projection.run(parsed(projection, []))


def test_a_table_has_every_column_and_a_dash_where_there_is_nothing():
    text = table([{'a': 1234.5, 'b': 0.01234}, {'a': 'x', 'c': 2}])
    assert text.splitlines()[0].split() == ['|', 'a', '|', 'b', '|', 'c', '|']
    assert text.splitlines()[2:] == ['| 1234 | 0.0123 | - |', '| x    | -      | 2 |']


@pytest.mark.slow
@pytest.mark.parametrize('what', ['step', 'image'])
def test_a_checkout_is_measured_beside_another_in_turns(what):
    arguments = ['--other', str(beside.HERE), '--what', what, '--size', '64', '--batch', '1', '--rounds', '2']
    result = beside.run(parsed(beside, arguments))
    assert [row['checkout'] for row in result['rows']] == [str(beside.HERE)] * 2
    assert len(result['pairs']) == 2
    assert all(row['least s'] > 0 for row in result['rows'])
    assert result['rows'][0]['ratio of medians'] == 1


@pytest.mark.parametrize('other', [[], ['--other', 'nowhere']])
def test_a_folder_that_is_no_checkout_is_refused(other):
    with pytest.raises(InputError, match='another checkout'):
        beside.run(parsed(beside, other))


def test_steps_of_methods_are_measured_in_turns():
    config = str(SHIPPED_CONFIGS / 'toy' / 'mic.py')
    result = methods.run(parsed(methods, ['--rounds', '1', '--configs', config]))
    assert [(row['name'], row['crops']) for row in result['rows']] == [('mic', 192)]
    assert all(row['ms'] > 0 for row in result['rows'])


def test_a_method_needs_two_domains():
    source_only = str(SHIPPED_CONFIGS / 'toy' / 'source_only.py')
    with pytest.raises(InputError, match=r'needs data\.train\.source'):
        methods.run(parsed(methods, ['--configs', source_only]))


def parsed(module, arguments):
    parser = argparse.ArgumentParser()
    MEASUREMENTS[module.__name__.rpartition('.')[2]](parser)
    return parser.parse_args(arguments)
