"""How commands are told which trained network is meant."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmseg.errors import InputError

CONFIG_SUFFIXES = ('.py', '.json')


class Network(NamedTuple):
    """Files of a trained network."""

    config: Path
    checkpoint: Path


def network_of(paths: Sequence[str]) -> Network:
    """The network that ``WORK_DIR``, or ``CONFIG CHECKPOINT``, stands for.

    Raises:
        InputError: it is none of them, or the run has no checkpoint yet.
    """
    from mmseg.engine.checkpoints.recovery import usable_config_of  # noqa: PLC0415 (heavy)
    from mmseg.engine.work_dir import find_work_dir, require_checkpoint  # noqa: PLC0415 (heavy)

    if len(paths) == 2:
        return Network(Path(paths[0]), Path(paths[1]))
    if len(paths) != 1:
        raise InputError(f'A network is WORK_DIR, or CONFIG CHECKPOINT, not {len(paths)} paths.')
    (path,) = paths
    if Path(path).suffix in CONFIG_SUFFIXES:
        raise InputError(f'{path} is a config: name its checkpoint too, or a work directory alone.')
    refuse_file(path)
    work_dir = find_work_dir(path)
    return Network(usable_config_of(work_dir), require_checkpoint(work_dir))


def refuse_file(path: str) -> None:
    """Make sure that ``path``, which stands where a network is named, is no file.

    Raises:
        InputError: it is one.
    """
    if Path(path).is_file():
        raise InputError(f'{path} is a file: end with a WORK_DIR, or with CONFIG CHECKPOINT.')
