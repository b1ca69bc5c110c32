import json

import pytest
import torch
from mmengine import Config
from torch import nn

from mmseg.engine.hooks.settled_choices import keep_choices
from mmseg.models.graph_memory import graph_bytes
from mmseg.models.uda import fusion
from mmseg.models.uda.fusion import fusion_pays
from tests.models.uda.tiny import batch, dacs, segmentor, sgd

SHAPE = (2, 3, 32, 32)


class OnGpu(nn.Module):
    """A network that says it is on a GPU."""

    draws_views = False

    def __init__(self, network):
        super().__init__()
        self.backbone, self.neck = network.backbone, None

    def parameters(self, recurse=True):
        class Parameter:
            device, nbytes, requires_grad = torch.device('cuda'), 10, True

        return iter([Parameter()])


class Halves(nn.Module):
    """Its graph holds what the sigmoid makes: as many numbers as the images have, in their type."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward_train(self, img, label, weight):
        return {'loss': (self.factor * img).sigmoid().sum()}


def test_auto_is_off_on_a_cpu_and_decided_by_the_first_step():
    model = dacs()
    assert model.fuse_forward == 'auto'
    model.train_step(batch(), sgd(model))
    assert model.fuse_forward is False


@pytest.mark.parametrize(
    ('free', 'batch_norm', 'pays'),
    # two graphs of 1000, gradients and moments of 10 bytes of weights, a quarter more: 2537.5
    [(2538, False, True), (2538, True, False), (2537, False, False)],
)
def test_auto_needs_memory_for_both_graphs_and_an_encoder_that_treats_each_image_alone(
    monkeypatch, free, batch_norm, pays
):
    monkeypatch.setattr(fusion, 'graph_bytes', lambda segmentor, shape, dtype: 1000)
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda _: (free - 300, 10**12))
    monkeypatch.setattr(torch.cuda, 'memory_reserved', lambda _: 400)
    monkeypatch.setattr(torch.cuda, 'memory_allocated', lambda _: 100)
    assert fusion_pays(OnGpu(dacs(model=segmentor(batch_norm=batch_norm)).model), SHAPE) is pays


@pytest.mark.parametrize(('dtype', 'size'), [(torch.float32, 4)])
def test_the_memory_of_a_graph_is_counted_from_shapes(dtype, size):
    numbers = 2 * 3 * 32 * 32
    # the product and its sigmoid live on: the product is not needed, the sigmoid is; and the loss
    assert graph_bytes(Halves(), SHAPE, dtype) == numbers * size + size


def test_counting_the_memory_of_a_graph_draws_nothing_and_changes_nothing():
    model = dacs(model=segmentor(batch_norm=True, drop=0.3)).model
    before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    small, large = (graph_bytes(model, (n, 3, 32, 32)) for n in (1, 3))
    assert 2 * small < large < 4 * small
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(('given', 'kept'), [('auto', True), (False, False)])
def test_a_resumed_run_goes_on_as_it_had_decided_unless_the_config_says_otherwise(given, kept):
    cfg = Config({'uda': {'type': 'DACS', 'fuse_forward': given}})
    keep_choices(cfg, {'meta': {'config': json.dumps({'uda': {'fuse_forward': True, 'blur': False}})}})
    assert cfg.uda == {'type': 'DACS', 'fuse_forward': kept}


@pytest.mark.parametrize('config', ['model = dict()', json.dumps({'uda': None})])
def test_a_checkpoint_without_such_a_config_decides_nothing(config):
    cfg = Config({'uda': {'fuse_forward': 'auto'}})
    keep_choices(cfg, {'meta': {'config': config}})
    assert cfg.uda == {'fuse_forward': 'auto'}
