"""Reading of the reference values in ``tests/data/parity`` (see its README for what each file pins).

Tensors and inputs are not stored: their values follow from their names, so that a network of ours can be
filled exactly as the reference was.
"""

import ast
import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

ROOT = Path(__file__).parent / 'data' / 'parity'


class Golden(NamedTuple):
    """One case: ``arrays`` by name, the reference's ``config`` and the ``meta`` information on inputs."""

    arrays: dict[str, np.ndarray]
    config: dict[str, Any]
    meta: dict[str, Any]

    def tensor(self, key: str) -> Tensor:
        """The array ``key`` as a tensor."""
        return torch.from_numpy(self.arrays[key])

    def inputs(self) -> dict[str, Tensor]:
        """Every generated input of the case, by the last part of its name."""
        return {name.split('.', 1)[1]: make_input(name, shape) for name, shape in self.meta.get('inputs', [])}


def golden(case: str) -> Golden:
    with np.load(ROOT / 'goldens' / f'{case}.npz', allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    config = ast.literal_eval(str(arrays.pop('config'))) if 'config' in arrays else {}
    meta = json.loads(str(arrays.pop('meta'))) if 'meta' in arrays else {}
    return Golden(arrays, config, meta)


def manifest(name: str) -> dict[str, list[int]]:
    """Names and shapes of a reference state dict, in its order."""
    return json.loads((ROOT / 'manifests' / f'{name}.json').read_text())


def shapes(module: nn.Module) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in module.state_dict().items()}


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return np.asarray(rng.standard_normal(tuple(shape)), dtype=np.float64)


def fill_value(name: str, shape: tuple[int, ...]) -> np.ndarray:
    z, leaf = draw(name, shape), name.rsplit('.', 1)[-1]
    if leaf == 'running_var':
        value = 1.0 + 0.1 * np.abs(z)
    elif leaf == 'running_mean':
        value = 0.1 * z
    elif len(shape) >= 2:
        value = z / math.sqrt(math.prod(shape[1:]))
    elif leaf.endswith('bias'):
        value = 0.1 * z
    elif leaf.endswith(('weight', 'scale')) or leaf.startswith('gamma'):
        value = 1.0 + 0.1 * z
    else:
        raise KeyError(f'no fill rule for {name} {tuple(shape)}')
    return np.asarray(value, dtype=np.float32)


def fill_module(module: nn.Module) -> nn.Module:
    """Fill ``module`` in place with the values that belong to the names of its state dict."""
    filled = {
        key: torch.from_numpy(fill_value(key, tuple(value.shape))).to(value.dtype)
        if torch.is_floating_point(value)
        else value.clone()
        for key, value in module.state_dict().items()
    }
    module.load_state_dict(filled, strict=True)
    return module


def make_input(name: str, shape: tuple[int, ...]) -> Tensor:
    """Standard normal input of the case and name ``name``, float32."""
    return torch.from_numpy(draw(name, shape).astype(np.float32))
