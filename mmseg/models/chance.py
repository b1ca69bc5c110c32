"""Chance that a network takes in training, besides dropout: a generator of its own for every step."""

import torch


def step_generator() -> torch.Generator:
    """A generator on the CPU that is seeded by one draw of the global one.

    The engine seeds the global one from (seed, iteration, rank) before each step, so this one is a function of them
    too; and whatever else draws in between shifts nothing.
    """
    seed = torch.randint(2**63 - 1, (1,)).tolist()[0]
    return torch.Generator().manual_seed(seed)
