"""Where a user wants files to be written: made, or refused in one sentence before hours are spent on their content."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmseg.errors import InputError, full_disk
from mmseg.shortage import SHORT

LONGEST_NAME = 255  # bytes, of a file or folder
ELSEWHERE = ' Name another place.'
#: what the picture of a prediction beside its image is called: its name, this, and .png
PREDICTED = '_pred'
#: what a folder of predictions holds: facts about all of them, and a folder for each kind
RESULTS, RESULT_KINDS = 'predictions.json', ('overlay', 'ids', 'color', 'confidence', 'probs')


class UnwritableError(InputError):
    """A file or folder cannot be made where the user wants it; the message names it and the reason."""


def home_expanded(path: str | Path) -> Path:
    """``path`` with a leading ``~`` written out, which shells leave as it is behind ``=`` and nobody does in configs.

    Raises:
        InputError: nobody has that name, or no home is known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f'{str(path)!r}: {error} Write the folder out.') from error


def with_home(path: str | Path) -> str:
    """``path`` as it is written, but for a leading ``~/``: paths in configs, which other users of theirs read too.

    Raises:
        InputError: no home is known.
    """
    text = str(path)
    return str(home_expanded(text)) if text == '~' or text.startswith('~/') else text


def user_cache() -> Path | None:
    """The user's folder of what can be made again; None where no home is known."""
    given = os.environ.get('XDG_CACHE_HOME')
    try:
        return Path(given) if given else Path.home() / '.cache'
    except RuntimeError:  # neither HOME nor an entry among the users of the system
        return None


@contextlib.contextmanager
def naming_refusal(path: Path, remedy: str = '') -> Iterator[None]:
    """Say in one sentence why the system makes no ``path``; want of room, memory and open files is told elsewhere.

    Args:
        path: the file or folder.
        remedy: what would help.

    Raises:
        UnwritableError: instead of the system's error.
    """
    try:
        yield
    except OSError as error:
        if full_disk(error) is not None or error.errno in SHORT:
            raise
        reason = f'{error.filename} is no folder' if isinstance(error, FileExistsError) else error.strerror
        raise UnwritableError(f'{path} cannot be written ({reason}).{remedy}') from error


def make_folder(folder: Path, *, wanted: Path | None = None) -> None:
    """Make ``folder`` with those above it, unless it is there.

    Args:
        folder: to be made.
        wanted: what is to be written there, which the message names instead.

    Raises:
        UnwritableError: the system does not let us.
    """
    with naming_refusal(wanted or folder):
        folder.mkdir(parents=True, exist_ok=True)


def check_file(path: Path | None) -> None:
    """Refuse a file that could not be written; nothing is left where it is to be.

    Raises:
        UnwritableError: ``path`` is a folder, or nothing can be made in its own.
    """
    if path is not None:
        with naming_refusal(path, ELSEWHERE):
            _check_name(path)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, 'it is a folder')
            _try(path.parent)


def check_folder(folder: Path | None) -> None:
    """Refuse a folder in which no file could be written; nothing is left there.

    Raises:
        UnwritableError: ``folder`` is a file, or nothing can be made in it.
    """
    if folder is not None:
        with naming_refusal(folder, ELSEWHERE):
            _check_name(folder)
            _try(folder)


def refuse_replacing(written: Iterable[Path], read: Iterable[Path]) -> None:
    """Refuse to write results over files that they are made of, under whatever name or link.

    Args:
        written: files that are to be written; most are not there yet.
        read: those of the user's.

    Raises:
        UnwritableError: naming the first.
    """
    there = [(path, found) for path in written if (found := _identity(path)) is not None]
    if not there:
        return
    kept = {_identity(path) for path in read}
    for path, found in there:
        if found in kept:
            raise UnwritableError(f'{path} cannot be written (it is a file that is read here).{ELSEWHERE}')


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, whatever it is called; None if it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _check_name(path: Path) -> None:
    """Refuse names that no file can have, or that stand for a home."""
    if '\0' in str(path):
        raise OSError(errno.EINVAL, 'no name holds a null character')
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    first, *others = path.parts or ('',)
    if (first == '~' or (others and first.startswith('~'))) and not os.path.lexists(first):
        raise OSError(errno.EINVAL, f'the shell has left {first} as it is: give it a space in front instead of =')


def _try(folder: Path) -> None:
    """Make something in ``folder``, or where it would have to be made, and take it away again."""
    there = next(place for place in (folder, *folder.parents, *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f'{there} is no folder')
    try:
        os.rmdir(tempfile.mkdtemp(prefix='.', dir=there))
    except OSError as error:
        raise OSError(error.errno, f'nothing can be made in {there}: {error.strerror}') from error
