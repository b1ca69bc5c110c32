import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.models.networks import tiny_segmentor
from tools.step_memory import main
from tools.work.step_memory import FINAL, PeakMemory, step_memory

MEGABYTE = 2**18  # numbers of four bytes


def test_what_is_alive_together_counts_and_views_do_not():
    with FakeTensorMode(), PeakMemory() as memory:
        first = torch.empty(3 * MEGABYTE)
        second = first.view(3, -1)[1:]
        del first
        third = torch.empty(2 * MEGABYTE)
        assert memory.now == memory.peak == 5 * 2**20
        del second
        torch.empty(MEGABYTE)
        assert (memory.now, memory.peak) == (2 * 2**20, 5 * 2**20)
        del third
    assert memory.now == 0


def test_what_autograd_keeps_counts():
    with FakeTensorMode(), PeakMemory() as memory:
        x = torch.empty(MEGABYTE, requires_grad=True)
        y = x.exp().exp().exp()  # every result is needed on the way back
        assert memory.now == 4 * 2**20
        del y
        assert memory.now == 2**20


@pytest.mark.slow
def test_a_step_grows_with_its_images_and_holds_weights_gradients_and_moments():
    from tests.models.networks import build_on_meta

    model = tiny_segmentor()
    model['decode_head']['num_classes'] = 19
    small, large = (step_memory(model, batch=batch, side=64) for batch in (1, 2))
    weights = 4 * sum(parameter.numel() for parameter in build_on_meta(model).parameters())
    assert 6 * weights < small < large < 2 * small  # three networks, gradients, two moments; features come on top


def test_the_command_counts_what_a_config_describes_and_refuses_what_has_no_target(capsys):
    assert main(['toy/daformer', '--batch', '1', '--side', '64']) == 0
    assert capsys.readouterr().out.startswith('0.')
    assert main(['toy/source_only']) == 2
    assert 'without adaptation' in capsys.readouterr().err


@pytest.mark.slow
def test_a_term_descended_alone_needs_its_images_and_one_with_graphs_of_others_those_too(tmp_path):
    def counted(terms: str) -> int:
        config = tmp_path / 'method.py'
        config.write_text(f'_base_ = [{str(FINAL)!r}]\nuda = dict(terms={terms})\n')
        model = tiny_segmentor()
        model['decode_head']['num_classes'] = 19
        return step_memory(model, batch=2, side=64, config=config)

    plain, masked = counted('[]'), counted("[dict(type='MaskedConsistency', block_size=8)]")
    assert plain < masked < 1.1 * plain
    assert counted("[dict(type='PixelContrast', size=16)]") > 1.1 * plain
