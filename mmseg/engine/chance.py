"""Chance is a function of (seed, iteration, rank), so that no random state is ever saved or restored."""

import os
import random

import numpy as np
import torch
from torch import nn


def seed_everything(*entropy: int) -> None:
    """Seed the global generators of Python, NumPy and torch (all devices) from a tuple of integers.

    Different tuples give unrelated streams: the integers are hashed together, not added.
    """
    words = np.random.SeedSequence(entropy).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    torch.manual_seed(int(words[2]))


def make_deterministic() -> None:
    """Ask every library for operations that give the same bits each time, at some cost of speed.

    An operation without such an implementation warns instead of ending the run.
    """
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # what cuBLAS needs to be reproducible
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    # no memory is read before it is written: filling all of it would be another launch for each new tensor
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if torch.cuda.is_available():  # attention: with warnings only, torch would keep kernels that add in any order
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.backends.cuda.enable_cudnn_sdp(False)


def without_deterministic_form(model: nn.Module) -> list[str]:
    """The names of the layers whose way back adds in any order on a GPU, whatever is asked of torch.

    Pooling to one value is a mean, and deterministic. A layer of ours says of itself ``adds_in_any_order``. Others,
    such as those of a network of timm's, torch names itself when it meets them.
    """

    def undetermined(layer: nn.Module) -> bool:
        pooling = isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size not in (1, (1, 1), [1, 1])
        told = getattr(layer, 'adds_in_any_order', False)
        return pooling or told or isinstance(layer, nn.AdaptiveMaxPool2d | nn.ReflectionPad2d)

    return [name for name, layer in model.named_modules() if undetermined(layer)]
