"""What a run goes on from when files of its folder are damaged."""

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.logging import print_log

from mmseg.engine.checkpoints.checkpoint_io import LATEST, damage_of_state, read_checkpoint, saved_iterations
from mmseg.engine.provenance import saved_config
from mmseg.engine.work_dir import find_config, refuse_used
from mmseg.errors import InputError
from mmseg.writing import write_text


def newest_whole(work_dir: Path) -> Path | None:
    """The newest checkpoint whose bytes are those that were written; None where there is none at all.

    Each damaged one that is passed over is named in a warning, together with the one that is taken.

    Raises:
        InputError: all are damaged.
    """
    damaged: list[str] = []
    for path in _newest_first(work_dir):
        damage = damage_of_state(path)
        if damage is None:
            if damaged:
                _warn(f'{work_dir}: {"; ".join(damaged)}. Going on from {path.name} instead.')
            return path
        damaged.append(f'{path.name} is damaged: {damage}')
    if damaged:
        raise InputError(
            f'{work_dir}: {"; ".join(damaged)}. There is no other checkpoint to go on from. Restore one from a copy, '
            'or delete it to start the run from the beginning.'
        )
    return None


def refuse_to_mix(work_dir: Path, state_file: Path | None, iteration: int) -> None:
    """Keep a run from writing into the folder of another one, or beside later states of its own.

    Args:
        work_dir: where the run is to write; need not be there.
        state_file: what it goes on from; None: it is new.
        iteration: of that state.

    Raises:
        InputError: ``work_dir`` holds checkpoints, and the newest whole one is another state.
    """
    if state_file is None:
        refuse_used(work_dir)
        return
    own = state_file.parent.resolve() == work_dir.resolve()
    for path in _newest_first(work_dir):
        if path.samefile(state_file):
            return
        if own and not (_iteration_of(path) > iteration and damage_of_state(path) is None):
            continue
        other = 'newer than' if own else 'of another run than'
        raise InputError(
            f'{work_dir} holds {path.name}, which is {other} {state_file}: two runs would be mixed there. Go on from '
            f'that state in a new --work-dir, or with the newest one of this folder: --resume {work_dir}.'
        )


def _iteration_of(path: Path) -> int:
    """The iterations that are done in a checkpoint; 0 if it is no state of a run."""
    try:
        return int(torch.load(path, map_location='cpu', weights_only=True, mmap=True)['meta']['iter'])
    except Exception:  # what is no state of a run fails anywhere
        return 0


def usable_config_of(work_dir: Path) -> Path:
    """The config that a run saved; where it is missing or cut, written again as its newest checkpoint has it.

    Raises:
        InputError: no such folder, several configs, or none and no checkpoint that has a copy.
    """
    found = find_config(work_dir)
    if found is not None and _is_whole(found):
        return found
    path = found or work_dir / f'{work_dir.resolve().name}.json'
    state_file = newest_whole(work_dir)
    if state_file is None:
        problem = f'{path} is cut off or damaged' if found else f'{work_dir} holds no config (<name of the run>.json)'
        raise InputError(f'{problem}, and there is no checkpoint with a copy. Is it the work directory of a run?')
    text = read_checkpoint(state_file)['meta'].get('config')
    if saved_config(text) is None:
        raise InputError(f'{path} is missing or damaged, and {state_file} holds no copy of the config.')
    write_text(path, text)
    _warn(f'{path} was {"damaged" if found else "missing"}; it is written again as {state_file.name} has it.')
    return path


def _newest_first(work_dir: Path) -> Iterator[Path]:
    """``latest.pth``, then every ``iter_N.pth`` that is not the same file, N descending."""
    latest = work_dir / LATEST
    if latest.is_file():
        yield latest
    for path in reversed(saved_iterations(work_dir)):
        if not (latest.is_file() and path.samefile(latest)):
            yield path


def _is_whole(path: Path) -> bool:
    try:
        return saved_config(path.read_text(encoding='utf-8')) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _warn(text: str) -> None:
    print_log(text, 'current', logging.WARNING)
