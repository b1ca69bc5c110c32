"""What fp32 and bf16 mean on a device is decided in one place, and said."""

import pytest
import torch

from mmseg import apis, arithmetic
from mmseg.config.load import load_config
from mmseg.engine.processes import processes_wanted
from mmseg.engine.train import build_runner
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config

TOO_OLD = 'The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver.'
SMALL = 'configs/toy/daformer.py'
NO_DRIVER = 'Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU.'


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(arithmetic, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


@pytest.fixture
def tf32():
    """Whatever a test sets is put back."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def driver(monkeypatch, answer):
    """A torch for CUDA whose driver cannot be used, which says ``answer``."""

    def init():
        raise RuntimeError(answer)

    monkeypatch.setattr(torch.version, 'cuda', '13.0')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.cuda, 'init', init)


def test_a_driver_that_is_too_old_is_refused_with_every_way_out(monkeypatch):
    driver(monkeypatch, TOO_OLD)
    with pytest.raises(InputError, match=r'11040\)\. Install a newer driver.*than 13\.0; or train: --gpus 0\.$'):
        arithmetic.require_driver('train: --gpus 0')


def test_training_and_prediction_refuse_it_unless_the_cpu_is_asked_for(monkeypatch, tmp_path):
    driver(monkeypatch, TOO_OLD)
    with pytest.raises(InputError, match='--gpus 0'):
        build_runner(tiny_config(tmp_path / 'run'))
    with pytest.raises(InputError, match='--gpus 0'):
        processes_wanted(tiny_config(tmp_path / 'run', n_gpus=2))
    with pytest.raises(InputError, match='--device cpu'):
        apis.device_named(None)
    assert apis.device_named('cpu') == torch.device('cpu')
    assert build_runner(tiny_config(tmp_path / 'run', n_gpus=0)).device == torch.device('cpu')


def test_a_machine_without_a_driver_or_a_torch_without_cuda_computes_on_its_cpu(monkeypatch):
    driver(monkeypatch, NO_DRIVER)
    assert apis.device_named(None) == torch.device('cpu')
    monkeypatch.setattr(torch.version, 'cuda', None)
    monkeypatch.setattr(torch.cuda, 'init', lambda: pytest.fail('asked'))
    arithmetic.require_driver('x')


@pytest.mark.parametrize(('setting', 'word'), [(True, 'on'), (False, 'off')])
def test_a_network_predicts_in_the_arithmetic_of_its_config(tf32, setting, word):
    arithmetic.set_tf32(not setting)
    apis.init_segmentor(load_config(SMALL, {'tf32': setting}, purpose='test'), device='cpu')
    assert arithmetic.tf32_setting() == word
    assert torch.backends.cudnn.allow_tf32 is setting


def test_bf16_is_warned_of_where_a_cpu_has_no_instructions_for_it(monkeypatch, said):
    monkeypatch.setattr(arithmetic, 'computes_bf16', lambda: False)
    cpu = torch.device('cpu')
    for device, precision in ((torch.device('cuda'), 'bf16'), (cpu, 'fp32'), (cpu, None)):
        arithmetic.warn_of_slow_bf16(device, precision=precision)
    assert not said
    arithmetic.warn_of_slow_bf16(cpu, precision='bf16')
    assert 'no instructions' in said[0]
    monkeypatch.setattr(arithmetic, 'computes_bf16', lambda: True)
    arithmetic.warn_of_slow_bf16(cpu, precision='bf16')
    assert len(said) == 1


@pytest.mark.parametrize('settings', [{'precision': 'bf16'}, {'evaluation': {'interval': 2, 'precision': 'bf16'}}])
def test_a_run_warns_of_bf16_before_it_starts(monkeypatch, said, tmp_path, settings):
    monkeypatch.setattr(arithmetic, 'computes_bf16', lambda: False)
    build_runner(tiny_config(tmp_path / 'run', **settings))
    assert len(said) == 1


@pytest.mark.parametrize(
    ('machine', 'bf16', 'amx', 'answer'),
    [
        ('x86_64', False, False, False),
        ('x86_64', True, False, True),
        ('AMD64', False, True, True),
        ('aarch64', False, False, True),
    ],
)
def test_instructions_for_bf16_are_those_of_either_unit(monkeypatch, machine, bf16, amx, answer):
    monkeypatch.setattr(arithmetic.platform, 'machine', lambda: machine)
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: bf16, raising=False)
    monkeypatch.setattr(torch.cpu, '_is_amx_tile_supported', lambda: amx, raising=False)
    assert arithmetic.computes_bf16() is answer
