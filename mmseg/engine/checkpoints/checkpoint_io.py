"""Checkpoint files: written whole or not at all, the newest kept, ``latest.pth`` always a valid one."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmseg.config.rules import value_at
from mmseg.config.values import Count, Whole, fits, in_words, shown
from mmseg.errors import InputError
from mmseg.models.finite import is_plain, not_finite
from mmseg.models.weights.damage import damage_of, is_torch_archive
from mmseg.models.weights.file_kind import seems_to_be
from mmseg.temporaries import remove_leftovers
from mmseg.writing import naming_full_disk, replacing, sync_folder, unfinished

LATEST = 'latest.pth'
#: temporary names of checkpoints before they told whose they are
BEFORE = re.compile(r'\..+\.pth(\.\d+)?\.tmp')


#: what a state to go on from holds, by place
FORM: dict[str, Any] = {
    'meta': dict[str, Any],
    'meta.iter': Whole,
    'meta.seed': Whole,
    'meta.processes': Count | None,
    'meta.config': str | None,
    'meta.changes': Sequence[dict] | None,
    'meta.env_info': dict[str, Any] | None,
    'meta.images': dict[str, dict[str, Any]] | None,
    'state_dict': dict[str, Tensor],
    'optimizer': dict,
    'optimizer.state': dict[int, dict] | None,
    'optimizer.param_groups': Sequence[dict] | None,
    'optimizer.gradients': Sequence[Tensor | None] | None,
    'processes': Sequence[dict] | None,
}


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Write ``state`` under a temporary name, force it to the disk, then give it its name.

    Whatever ends the process meanwhile, ``path`` is the whole old file, the whole new one, or absent.

    Raises:
        DiskFullError: there is no room for it.
    """
    with replacing(path, needed=_bytes_of(state), durable=True) as temporary, temporary.open('wb') as file:
        torch.save(state, file)


def point_latest_to(path: Path) -> Path:
    """Let ``latest.pth`` beside ``path`` be the same file, replaced in one step.

    A hard link: it survives the deletion of ``path`` and moving or copying the folder, on Windows too. File
    systems without links get a copy.
    """
    latest = path.with_name(LATEST)
    with naming_full_disk(latest, needed=path.stat().st_size), unfinished(latest) as temporary:
        temporary.unlink()  # a link takes no name that is there
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)
        temporary.replace(latest)  # onto another link to the same file: both names stay, until the end of this block
    sync_folder(path.parent)
    return latest


def keep_newest(folder: Path, count: int) -> None:
    """Delete all but the ``count`` newest ``iter_N.pth``; a ``count`` below 1 keeps all."""
    if count > 0:
        for path in saved_iterations(folder)[:-count]:
            path.unlink()


def saved_iterations(folder: Path) -> list[Path]:
    """All ``iter_N.pth`` of a work directory, N ascending."""
    numbered = {path: re.fullmatch(r'iter_(\d+)\.pth', path.name) for path in folder.glob('iter_*.pth')}
    return sorted((path for path, match in numbered.items() if match), key=lambda path: int(path.stem[5:]))


def remove_unfinished(folder: Path) -> None:
    """Delete what killed processes have left where this one trains alone, under the names of earlier versions too."""
    remove_leftovers(folder)
    for path in folder.glob('.*.tmp'):
        if BEFORE.fullmatch(path.name):
            path.unlink()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A training checkpoint of this project, on the CPU.

    Raises:
        InputError: no such file, its bytes are not those that were written, or it lacks what is needed to go on
            training.
    """
    if not path.is_file():
        raise InputError(f'There is no checkpoint {path} to resume from.')
    damage = damage_of(path)
    if damage is not None:
        raise InputError(f'{path} is damaged: {damage}. Restore it from a copy, or go on from an earlier iter_N.pth.')
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many kinds, by what is wrong with the file
        kind = type(error).__name__  # what it says is written for programmers, on many lines
        raise InputError(f'{path} cannot be read as a checkpoint ({kind}): {seems_to_be(path)}.') from error
    keys = set(state) if isinstance(state, dict) else set()
    absent = {'meta', 'state_dict', 'optimizer'} - keys
    if not absent and isinstance(state['meta'], dict):
        absent = {f'meta.{key}' for key in ('iter', 'seed') if key not in state['meta']}
    if absent:
        raise InputError(
            f'{path} holds no {", ".join(sorted(absent))}: training cannot go on from it. '
            'To start a new run from its weights, use load_from.'
        )
    for key, hint in FORM.items():
        if not fits(value_at(state, key), hint):
            raise InputError(
                f'{path} is no state of a run: its {key} has to be {in_words(hint)}, not {shown(value_at(state, key))}.'
            )
    odd = [name for name, value in tensors_of(state) if not is_plain(value)]
    if odd:
        raise InputError(f'{path} is no state of a run: {odd[0]} is sparse, quantised, complex or has no values.')
    bad = not_finite(tensors_of(state))
    if bad:
        raise InputError(
            f'{path} holds values that are no numbers (first {bad[0]}, {len(bad)} in all): training cannot go on from '
            'it. Move it away, and --resume takes the newest iter_N.pth.'
        )
    return state


def damage_of_state(path: Path) -> str | None:
    """What is wrong with the bytes of a checkpoint of ours, in a few words; None if they are as they were written."""
    damage = damage_of(path)
    return damage if damage or is_torch_archive(path) else 'it does not begin like a checkpoint'


def tensors_of(checkpoint: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that training goes on from, by a name for people: networks, optimizer, waiting gradients.

    Gradients that wait under fp16 are left out: they are scaled, and where they overflow the scaler skips the step.
    """
    yield from checkpoint['state_dict'].items()
    optimizer = checkpoint['optimizer']
    for number, values in optimizer.get('state', {}).items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                yield f'optimizer {name} of parameter {number}', value
    if not optimizer.get('loss_scaler'):
        for number, gradient in enumerate(optimizer.get('gradients', ())):
            if gradient is not None:
                yield f'waiting gradient of parameter {number}', gradient


def _bytes_of(value: Any) -> int:
    """Bytes of all tensors in nested dicts and lists."""
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_bytes_of, value.values()))
    return sum(map(_bytes_of, value)) if isinstance(value, list | tuple) else 0
