"""Temporary names of what is being written, and the removal of those that killed processes have left.

``kill -9`` gives nobody the time to take a temporary file away. Its name says whose it is, so that whoever writes next
in that folder can tell what a process of the past has left from what another one is writing at this moment.
"""

import contextlib
import functools
import hashlib
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

#: .NAME.HOST-PROCESS.tmp, and an ending for libraries that tell kinds of files by it
OURS = re.compile(r'\..+\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)\.tmp(?:\.\w+)?')
#: of another computer we cannot know which processes live there; whoever writes changes the time of what is written
UNTOUCHED = 24 * 60 * 60
LONGEST = 200  # bytes of a name; file systems take 255, and ours adds to it


def temporary_name(path: Path, *, ending: str = '') -> Path:
    """The name beside ``path`` under which this process writes it, hidden from whatever looks for data."""
    name = os.fsencode(path.name)
    shown = path.name if len(name) <= LONGEST else hashlib.sha256(name).hexdigest()[:16]
    return path.with_name(f'.{shown}.{_host()}-{os.getpid()}.tmp{ending}')


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that have ended were writing in ``folder``; what cannot be deleted stays."""
    for path in _leftovers(folder):
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


@functools.lru_cache(maxsize=4096)
def remove_leftovers_once(folder: Path) -> None:
    """The same for the first of many files that this process writes in ``folder``."""
    remove_leftovers(folder)


def _leftovers(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = OURS.fullmatch(entry.name)
            if match and _is_dead(match, entry):
                yield Path(entry.path)


def _is_dead(match: re.Match[str], entry: os.DirEntry[str]) -> bool:
    """Whether nobody is writing a temporary any more."""
    if match['host'] == _host() and sys.platform != 'win32':  # where to ask for a process would end it
        return not _lives(int(match['process']))
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > UNTOUCHED
    except OSError:
        return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@functools.cache
def _host() -> str:
    """Eight hex digits for this computer, or this container: whoever shares them sees the same processes."""
    try:
        processes = os.readlink('/proc/self/ns/pid')
    except OSError:  # not Linux
        processes = ''
    return hashlib.sha256(f'{socket.gethostname()} {processes}'.encode()).hexdigest()[:8]
