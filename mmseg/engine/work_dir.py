"""Names of runs and their folders."""

import datetime
import secrets
from pathlib import Path

from mmengine import Config

from mmseg.engine.checkpoint_io import LATEST
from mmseg.errors import InputError

ROOT = Path('work_dirs')


def unique_name(name: str) -> str:
    """``<yymmdd_HHMM>_<name>_<5 hex digits>``."""
    return f'{datetime.datetime.now():%y%m%d_%H%M}_{name}_{secrets.token_hex(3)[:5]}'


def set_work_dir(cfg: Config, work_dir: str | Path | None = None) -> Path:
    """Set ``cfg.work_dir``: ``work_dir`` itself, or a fresh folder below ``work_dirs/local-<exp>/``."""
    if work_dir is None:
        stem = Path(cfg.filename).stem if cfg.filename else 'run'
        work_dir = ROOT / f'local-{cfg.get("exp", "basic")}' / unique_name(cfg.get('name') or stem)
    cfg.work_dir = str(work_dir)
    return Path(work_dir)


def config_of(work_dir: Path) -> Path:
    """The resolved config in a work directory, also after the folder was renamed.

    Raises:
        InputError: no such folder, or no or several configs in it.
    """
    if not work_dir.is_dir():
        raise InputError(f'There is no work directory {work_dir}.')
    own = work_dir / f'{work_dir.resolve().name}.json'
    if own.is_file():
        return own
    candidates = [path for path in sorted(work_dir.glob('*.json')) if not path.name.endswith('.log.json')]
    if len(candidates) != 1:
        found = ', '.join(path.name for path in candidates) or 'none'
        raise InputError(f'{work_dir} should hold one config {own.name}; found: {found}.')
    return candidates[0]


def checkpoint_of(work_dir: Path) -> Path | None:
    """The newest state saved in a work directory, or None before the first one."""
    latest = work_dir / LATEST
    return latest if latest.is_file() else None
