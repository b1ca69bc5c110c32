"""One run a folder: a lock that its process holds as long as it lives."""

import contextlib
import datetime
import errno
import json
import os
import socket
import sys
from pathlib import Path
from typing import IO

from mmseg.errors import InputError
from mmseg.writing import naming_full_disk

try:
    import fcntl
except ImportError:  # Windows: two runs at once in one folder are not noticed
    fcntl = None  # type: ignore[assignment]

NAME = '.in_use'  # no suffix of a config's


class WorkDirLock:
    """Keeps other processes from training in a work directory; the system takes it from a process that has ended.

    It belongs to the process and not to those that it starts. Whoever holds it is written in ``.in_use``, which is
    deleted at the end.
    """

    def __init__(self) -> None:
        self._file: IO[str] | None = None
        self._path = Path()

    def take(self, work_dir: Path) -> None:
        """Hold ``work_dir``, unless it is held already or does not exist (yet).

        Raises:
            InputError: another process holds it; names that one.
        """
        if fcntl is None or self._file is not None or not work_dir.is_dir():
            return
        self._path = work_dir / NAME
        while self._file is None:
            file = open(self._path, 'a+', encoding='utf-8', opener=_open_no_link)  # noqa: SIM115 (held)
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                holder = _holder(file)
                file.close()
                raise InputError(
                    f'{work_dir} is in use: {holder} trains there. Wait until it has ended, stop it (Ctrl-C saves its '
                    'state), or give the new run another --work-dir.'
                ) from None
            except OSError:  # a file system that has no locks
                file.close()
                return
            if _is_at(file, self._path):  # else its holder has just ended, and taken it away
                self._file = file
            else:
                file.close()
        with naming_full_disk(self._path):
            self._file.truncate(0)
            self._file.write(json.dumps(_self()))
            self._file.flush()

    def release(self) -> None:
        """Let others have the folder; nothing to do if it is not held."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # the folder may be gone
                self._path.unlink()
            with contextlib.suppress(OSError):  # a full disk takes nothing that still waits
                self._file.close()
            self._file = None


def _open_no_link(path: str, flags: int) -> int:
    """Open a lock; a link of that name leads to a file that is nobody's lock, and would be emptied."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(f'{path} is a link, which no run has left there: delete it.') from error
        raise


def _self() -> dict[str, str | int]:
    return {
        'process': os.getpid(),
        'host': socket.gethostname(),
        'since': f'{datetime.datetime.now():%Y-%m-%d %H:%M:%S}',
        'command': ' '.join(sys.argv),
    }


def _holder(file: IO[str]) -> str:
    """Who wrote ``file``, in words."""
    file.seek(0)
    try:
        holder = json.load(file)
        return f'process {holder["process"]} on {holder["host"]}, since {holder["since"]},'
    except (ValueError, KeyError, TypeError):  # it is just being written
        return 'another process'


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether ``file`` is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
