"""Checkpoint files: written whole or not at all, the newest kept, ``latest.pth`` always a valid one."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch

from mmseg.errors import InputError

LATEST = 'latest.pth'


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Write ``state`` under a temporary name, force it to the disk, then give it its name.

    Whatever ends the process meanwhile, ``path`` is the whole old file, the whole new one, or absent.
    """
    temporary = _temporary(path)
    try:
        with temporary.open('wb') as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def point_latest_to(path: Path) -> Path:
    """Let ``latest.pth`` beside ``path`` be the same file, replaced in one step.

    A hard link: it survives the deletion of ``path`` and moving or copying the folder, on Windows too. File
    systems without links get a copy.
    """
    latest = path.with_name(LATEST)
    temporary = _temporary(latest)
    temporary.unlink(missing_ok=True)
    try:
        os.link(path, temporary)
    except OSError:
        shutil.copyfile(path, temporary)
    temporary.replace(latest)
    temporary.unlink(missing_ok=True)  # renaming onto another link to the same file leaves both names
    _sync_folder(path.parent)
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
    """Delete what a process that was killed while it wrote a checkpoint has left."""
    for path in folder.glob('.*.pth.tmp'):
        path.unlink()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A training checkpoint of this project, on the CPU.

    Raises:
        InputError: no such file, or it lacks what is needed to go on training.
    """
    if not path.is_file():
        raise InputError(f'There is no checkpoint {path} to resume from.')
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many kinds, by what is wrong with the file
        kind = type(error).__name__  # what it says is written for programmers, on many lines
        raise InputError(f'{path} cannot be read as a checkpoint: damaged, or another file ({kind}).') from error
    keys = set(state) if isinstance(state, dict) else set()
    absent = {'meta', 'state_dict', 'optimizer'} - keys
    if not absent:
        absent = {f'meta.{key}' for key in ('iter', 'seed') if key not in state['meta']}
    if absent:
        raise InputError(
            f'{path} holds no {", ".join(sorted(absent))}: training cannot go on from it. '
            'To start a new run from its weights, use load_from.'
        )
    return state


def _temporary(path: Path) -> Path:
    return path.with_name(f'.{path.name}.tmp')


def _sync_folder(folder: Path) -> None:
    """Force a renaming to the disk, where folders can be opened (not on Windows)."""
    if hasattr(os, 'O_DIRECTORY'):
        descriptor = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
