"""Names of runs and their folders."""

import datetime
import re
import secrets
from pathlib import Path

from mmengine import Config

from mmseg.engine.checkpoints.checkpoint_io import LATEST, saved_iterations
from mmseg.errors import InputError
from mmseg.places import check_folder, home_expanded

ROOT = Path('work_dirs')


def unique_name(name: str) -> str:
    """``<yymmdd_HHMM>_<name>_<5 hex digits>``."""
    return f'{datetime.datetime.now():%y%m%d_%H%M}_{name}_{secrets.token_hex(3)[:5]}'


def grid_folder(cfg: Config) -> Path:
    """``work_dirs/local-<exp>``, where the folders of an experiment are."""
    return ROOT / f'local-{cfg.get("exp", "basic")}'


def find_work_dir(wanted: str | Path) -> Path:
    """A work directory by its path, or below ``work_dirs/`` by its folder's name or by the name of its run.

    Raises:
        InputError: there is none, or several runs have the name.
    """
    folder = home_expanded(wanted)
    if folder.is_dir():
        return folder
    run = re.compile(rf'\d{{6}}_\d{{4}}_{re.escape(str(wanted))}_[0-9a-f]{{5}}')
    found = [folder for folder in sorted(ROOT.glob('*/*')) if folder.name == str(wanted) or run.fullmatch(folder.name)]
    if len(found) > 1:
        raise InputError(f'Several runs are called {wanted}: {", ".join(map(str, found))}. Give the folder of one.')
    if not found:
        raise InputError(f'Work directory {wanted} does not exist, and no run in {ROOT}/ has that name.')
    return found[0]


def set_work_dir(cfg: Config, work_dir: str | Path | None = None) -> Path:
    """Set ``cfg.work_dir``: ``work_dir`` itself, or a fresh folder below ``work_dirs/local-<exp>/``.

    Raises:
        InputError: nothing can be written there.
    """
    if not work_dir:  # an empty text is no folder, and not the current one
        stem = Path(cfg.filename).stem if cfg.filename else 'run'
        work_dir = grid_folder(cfg) / unique_name(cfg.get('name') or stem)
    folder = home_expanded(work_dir)
    check_folder(folder)
    cfg.work_dir = str(folder)
    return folder


def config_of(work_dir: Path) -> Path:
    """The config a run saved: ``<name of the run>.json``, also when the folder has another name by now.

    Raises:
        InputError: no such folder, no config in it, or several of which none is named like the folder.
    """
    found = find_config(work_dir)
    if found is None:
        code = next(iter(sorted(work_dir.glob('*.py'))), None)
        remedy = f' {code.name} is code, which is run only where it is named itself.' if code else ''
        raise InputError(
            f'{work_dir} holds no config (<name of the run>.json). Is it the work directory of a run?{remedy}'
        )
    return found


def find_config(work_dir: Path) -> Path | None:
    """As :func:`config_of`; None where there is none. A ``.py`` is none: it is code, and a work directory data."""
    if not work_dir.is_dir():
        raise InputError(f'Work directory {work_dir} does not exist.')
    named = work_dir / f'{work_dir.resolve().name}.json'
    if named.is_file():
        return named
    found = sorted(path for path in work_dir.glob('*.json') if not path.name.endswith('.log.json'))
    if len(found) > 1:
        names = ', '.join(path.name for path in found)
        raise InputError(f'{work_dir} holds several configs ({names}), none named like the folder.')
    return found[0] if found else None


def checkpoint_of(work_dir: Path) -> Path | None:
    """The newest state in a work directory: ``latest.pth``, else the ``iter_N.pth`` of the highest N, else None."""
    latest = work_dir / LATEST
    return latest if latest.is_file() else next(reversed(saved_iterations(work_dir)), None)


def require_checkpoint(work_dir: Path) -> Path:
    """The newest checkpoint in a work directory.

    Raises:
        InputError: there is none.
    """
    checkpoint = checkpoint_of(work_dir)
    if checkpoint is None:
        latest = work_dir / LATEST
        broken = f'; {LATEST} there is a broken link to {latest.readlink()}' if latest.is_symlink() else ''
        raise InputError(f'{work_dir} holds no checkpoint ({LATEST} or iter_N.pth){broken}. Has the run saved one yet?')
    return checkpoint


def gone(work_dir: str | Path) -> str:
    """What is said of the folder of a run that it does not find any more."""
    return f'The work directory {work_dir} is gone: it was deleted or renamed while its run wrote there'


def refuse_used(work_dir: Path) -> None:
    """Keep a new run from writing into the folder of an earlier one.

    Raises:
        InputError: ``work_dir`` holds checkpoints.
    """
    if checkpoint_of(work_dir) is not None:
        raise InputError(
            f'{work_dir} holds the checkpoints of an earlier run. Go on with it: python run_experiments.py --resume '
            f'{work_dir}; or give the new run another --work-dir.'
        )
