"""A file of weights read safely: without running code hidden in it, and never a damaged one."""

import pickle  # nosec B403
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmseg.config.values import fits, in_words, shown
from mmseg.errors import InputError
from mmseg.models.weights.damage import damage_of
from mmseg.models.weights.file_kind import seems_to_be
from mmseg.models.weights.sources import find
from mmseg.models.weights.state import State, state_of

#: what is used of the meta information of a checkpoint
META: dict[str, Any] = {'CLASSES': Sequence[str] | None, 'PALETTE': Sequence[tuple[int, int, int]] | None}
#: numpy 2 renamed the module; files written with numpy 1 still name the old one
MULTIARRAY_NAMES = ('numpy.core.multiarray', 'numpy._core.multiarray')


def load_checkpoint(path: str | Path, *, trust: bool = False) -> dict[str, Any]:
    """All that a checkpoint file holds, on the CPU: weights, and meta information where there is any.

    Args:
        path: what :func:`find` understands.
        trust: also read files that need Python's pickle, which can run any code hidden in them.

    Raises:
        InputError: no such file, not a checkpoint, damaged, or in need of ``trust``.
    """
    file = find(path)
    damage = damage_of(file)
    if damage is not None:
        raise InputError(f'{file} is not a checkpoint, or is damaged: {damage}. Get it again, or take another.')
    try:
        content = _read_safetensors(file) if file.suffix == '.safetensors' else _read(file, trust=trust)
    except InputError:
        raise
    except Exception as error:  # a damaged file can fail anywhere in the reader
        told = f'{_first_sentence(error)}; {seems_to_be(file)}'
        raise InputError(f'{file} is not a checkpoint, or is damaged: {told}.') from error
    if not isinstance(content, Mapping):
        raise InputError(f'{file} holds a {type(content).__name__} where a dict of weights is expected.')
    return dict(content)


def load_state(path: str | Path, *, trust: bool = False) -> State:
    """The weights in a checkpoint file by name, without the wrappings that training frameworks put around them.

    Raises:
        InputError: as :func:`load_checkpoint`, or there are no weights in it.
    """
    return state_of(load_checkpoint(path, trust=trust), source=str(path))


def _read(file: Path, *, trust: bool) -> Any:
    try:
        with torch.serialization.safe_globals(_harmless_classes()):
            # with --trust alone it can run code, which is what the option says
            return torch.load(file, map_location='cpu', weights_only=not trust)  # nosec B614
    except pickle.UnpicklingError as error:
        refused = re.search(r'(?:GLOBAL|class) ([\w.]+)', str(error))
        if refused is None:
            raise
        raise InputError(
            f'{file} holds Python objects ({refused[1]}), and reading those can run any code. '
            'If you trust its origin, give --trust.'
        ) from error


def _harmless_classes() -> list[Any]:
    """Constructors of plain numpy values: what training frameworks leave beside the weights."""
    multiarray = np._core.multiarray  # type: ignore[attr-defined]
    dtypes = {type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64, np.uint8, bool)}
    functions = [(multiarray.scalar, 'scalar'), (multiarray._reconstruct, '_reconstruct')]
    return [
        np.dtype,
        np.ndarray,
        *dtypes,
        *((function, f'{module}.{name}') for function, name in functions for module in MULTIARRAY_NAMES),
    ]


def _read_safetensors(file: Path) -> State:
    from safetensors.torch import load_file  # noqa: PLC0415 (only such files need it)

    return load_file(file)


def _first_sentence(error: Exception) -> str:
    return re.split(r'\.\s|\n', str(error).strip(), maxsplit=1)[0] or 'the file ends too early'


def meta_of(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The meta information in a checkpoint; {} if there is none.

    Raises:
        InputError: what is used of it is of another form.
    """
    meta = content.get('meta')
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    for key, hint in META.items():
        if isinstance(meta.get(key), np.ndarray):
            meta[key] = meta[key].tolist()
        if not fits(meta.get(key), hint):
            raise InputError(f'{source}: meta.{key} has to be {in_words(hint)}, not {shown(meta[key])}.')
    return meta
