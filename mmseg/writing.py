"""Files written whole or not at all, and one sentence for a disk that is full.

Everything that this project leaves on a disk goes through here: a file gets its name when all of it is there, so that
whatever happens meanwhile its name stands for the whole old file or the whole new one.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from mmseg.errors import InputError, full_disk
from mmseg.places import ELSEWHERE, make_folder, naming_refusal
from mmseg.temporaries import remove_leftovers_once, temporary_name

MEGABYTE = 10**6


class DiskFullError(InputError):
    """There is no room for a file; the message names it and the space that is missing."""


def begin_file(path: Path, *, ending: str = '') -> Path:
    """Make a new, empty file beside ``path`` under a temporary name, which is returned.

    What killed processes have left in that folder under such names is deleted.

    Args:
        path: what is to be written; its folder is made if absent.
        ending: of the temporary name, for libraries that tell the kind of a file by it.

    Raises:
        UnwritableError: the system lets us make no file there.
    """
    make_folder(path.parent, wanted=path)
    remove_leftovers_once(path.parent)
    temporary = temporary_name(path, ending=ending)
    with naming_refusal(path):
        temporary.unlink(missing_ok=True)
        temporary.open('xb').close()
    return temporary


@contextlib.contextmanager
def unfinished(path: Path, *, ending: str = '') -> Iterator[Path]:
    """The file of :func:`begin_file`; it is gone at the end, unless it has been renamed."""
    temporary = begin_file(path, ending=ending)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A new folder beside ``path`` under a temporary name; it is gone at the end, unless it has been renamed.

    Raises:
        UnwritableError: the system lets us make no folder there.
    """
    make_folder(path.parent, wanted=path)
    remove_leftovers_once(path.parent)
    temporary = temporary_name(path)
    with naming_refusal(path):
        temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A folder under a temporary name, which takes the place of ``folder`` if all goes well, and vanishes if not.

    Where ``folder`` is a link, what it leads to is replaced.

    Raises:
        UnwritableError: the system lets us make no folder there, or not in its place.
    """
    with naming_refusal(folder, ELSEWHERE):
        _refuse_fixed(folder)
    place = folder.resolve()
    with scratch_folder(place) as temporary:
        yield temporary
        shutil.rmtree(place, ignore_errors=True)
        with naming_refusal(folder):
            temporary.rename(place)


def _refuse_fixed(folder: Path) -> None:
    """Refuse a folder that nothing can take the place of."""
    if folder.is_dir() and os.path.ismount(folder):
        raise OSError(errno.EBUSY, 'it is a mount point, which nothing can take the place of')
    if folder.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise OSError(errno.EBUSY, 'this is called from within it')


@contextlib.contextmanager
def replacing(path: Path, *, needed: int | None = None, durable: bool = False, ending: str = '') -> Iterator[Path]:
    """Give a temporary name beside ``path``; what is written there takes ``path``'s place in one step at the end.

    Args:
        path: the file; its folder is made if absent.
        needed: bytes that it will have, for the message; None = not known.
        durable: wait until it is on the disk before it gets its name, so that it survives a loss of power too.
        ending: of the temporary name.

    Raises:
        DiskFullError: there is no room. Nothing is left then, and the old file is as it was.
        UnwritableError: the system lets us make no file there.
    """
    with naming_full_disk(path, needed=needed), unfinished(path, ending=ending) as temporary:
        yield temporary
        if durable:
            _force_to_disk(temporary)
        with naming_refusal(path):
            temporary.replace(path)
        if durable:
            sync_folder(path.parent)


def write_bytes(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Replace ``path`` by ``content``; see :func:`replacing`."""
    with replacing(path, needed=len(content), durable=durable) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace ``path`` by ``text`` in UTF-8; see :func:`replacing`."""
    write_bytes(path, text.encode('utf-8', 'surrogateescape'), durable=durable)


def append_text(path: Path, text: str) -> None:
    """Add ``text`` at the end of ``path``: all of it or nothing.

    Raises:
        DiskFullError: there is no room.
    """
    content = text.encode('utf-8', 'surrogateescape')
    with naming_full_disk(path, needed=len(content)), path.open('ab', buffering=0) as file:
        before = file.tell()
        try:
            while content:  # what is only begun is tried again, which says why it does not go on
                content = content[file.write(content) :]
        except OSError:
            file.truncate(before)
            raise


@contextlib.contextmanager
def naming_full_disk(path: Path, *, needed: int | None = None) -> Iterator[None]:
    """Say in one sentence that a file or folder got no room, whatever wrapping the error comes in.

    Args:
        path: what was to be written.
        needed: bytes of it, None = not known.

    Raises:
        DiskFullError: instead of an error that has its cause in a full disk.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = full_disk(error)
        if reason is None:
            raise
        raise DiskFullError(_sentence(path, reason, needed)) from error


def refuse_lost(path: Path, temporary: Path, told: object) -> NoReturn:
    """Say why a library could not write all of a file, of which it tells only that.

    Args:
        path: what was to be written.
        temporary: where it was written to.
        told: what the library said.

    Raises:
        DiskFullError: there is no room for a little more.
        InputError: there is.
    """
    with naming_full_disk(path):
        _probe(temporary)
    raise InputError(f'{path} cannot be written: {told}.')


def _probe(path: Path) -> None:
    """Add a little at the end of a file, and take it away again: raises what writing it raises."""
    with path.open('ab', buffering=0) as file:
        before, missing = file.tell(), MEGABYTE
        try:
            while missing:
                missing -= file.write(bytes(missing))
        finally:
            file.truncate(before)


def sync_folder(folder: Path) -> None:
    """Force a renaming to the disk, where folders can be opened (not on Windows)."""
    if hasattr(os, 'O_DIRECTORY'):
        descriptor = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _force_to_disk(path: Path) -> None:
    with path.open('rb+') as file:
        os.fsync(file.fileno())


def _sentence(path: Path, reason: OSError, needed: int | None) -> str:
    if reason.errno == errno.EFBIG:
        size = f' of {_amount(needed)}' if needed else ''
        return f'{path} cannot be written: a file{size} is above the limit on the size of files (ulimit -f). Raise it.'
    free = _free(path)
    missing = f': it needs {_amount(needed)}, {_amount(free)} are free' if needed and needed > free else ''
    missing = missing and f'{missing}, {_amount(needed - free)} are missing' if needed else missing
    what = 'the quota is used up' if reason.errno == errno.EDQUOT else 'the disk is full'
    return f'{path} cannot be written: {what}{missing}. What was there before is as it was. Make room and go on.'


def _free(path: Path) -> int:
    folder = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    return shutil.disk_usage(folder).free


def _amount(count: int) -> str:
    return f'{count / MEGABYTE:.1f} MB' if count >= MEGABYTE // 10 else f'{count} bytes'
