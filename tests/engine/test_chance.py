import random

import numpy as np
import pytest
import torch
from torch import nn

from mmseg.engine import train
from mmseg.engine.chance import seed_everything, without_deterministic_form
from mmseg.models.layers.deformable_attention import DeformableAttention
from mmseg.models.layers.pyramid_pooling import PyramidPooling


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_all_generators_are_a_function_of_seed_iteration_and_rank():
    seed_everything(1, 2, 3)
    expected = draws()
    draws()  # whatever else ran
    seed_everything(1, 2, 3)
    assert draws() == expected


def test_neighbouring_seeds_iterations_and_ranks_are_unrelated():
    found = []
    for entropy in ((0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 0, 0), (0, 2, 0)):
        seed_everything(*entropy)
        found += draws()
    assert len(set(found)) == len(found)


def test_layers_that_no_gpu_has_a_deterministic_way_back_for_are_named():
    model = nn.ModuleDict({'mean': nn.AdaptiveAvgPool2d(1), 'six': nn.AdaptiveAvgPool2d(6), 'conv': nn.Conv2d(3, 3, 1)})
    assert without_deterministic_form(model) == ['six']
    attention = nn.ModuleDict({'looks': DeformableAttention(channels=8, heads=2, levels=1)})
    assert without_deterministic_form(attention) == ['looks']


@pytest.mark.parametrize('scales', [(1, 2, 3, 6), (1,)])
def test_a_deterministic_run_on_a_gpu_names_pyramid_pooling_that_is_none(scales, monkeypatch):
    said = []
    monkeypatch.setattr(train, 'print_log', lambda text, *_: said.append(text))
    pooling = PyramidPooling(
        pool_scales=scales, in_channels=4, channels=2, norm_cfg=None, act_cfg=None, align_corners=False
    )
    train._tell_undetermined(nn.ModuleDict({'decode_head': pooling}))
    assert len(said) == (len(scales) > 1)
    assert all(f'for all but {len(scales) - 1} layers' in text and 'decode_head' in text for text in said)
