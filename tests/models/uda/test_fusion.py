from typing import NamedTuple

import pytest
import torch

from mmseg.models.uda.fusion import fusion_pays
from tests.models.uda.tiny import dacs, segmentor


class Card(NamedTuple):
    total_memory: float


class OnGpu(torch.nn.Module):
    """A network that says it is on a GPU."""

    draws_views = False

    def __init__(self, network):
        super().__init__()
        self.backbone, self.neck = network.backbone, None

    def parameters(self, recurse=True):
        class Parameter:
            device = torch.device('cuda')

        return iter([Parameter()])


def test_auto_is_off_on_a_cpu_and_decided_once():
    model = dacs()
    assert model.fuse_forward == 'auto'
    assert model.fuses() is False
    assert model.fuse_forward is False


@pytest.mark.parametrize(
    ('memory', 'batch_norm', 'pays'), [(80e9, False, True), (80e9, True, False), (11e9, False, False)]
)
def test_auto_needs_memory_and_an_encoder_that_treats_each_image_alone(monkeypatch, memory, batch_norm, pays):
    monkeypatch.setattr(torch.cuda, 'get_device_properties', lambda _: Card(memory))
    assert fusion_pays(OnGpu(dacs(model=segmentor(batch_norm=batch_norm)).model)) is pays
