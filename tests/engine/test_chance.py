import random

import numpy as np
import torch
from torch import nn

from mmseg.engine.chance import seed_everything, without_deterministic_form


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
