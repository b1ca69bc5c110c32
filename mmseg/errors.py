"""What a user got wrong, and how a command says so: one message, exit code 2, no traceback."""

import difflib
import errno
import functools
import sys
from collections.abc import Callable, Iterable

# Why the system refuses a path that it was asked to read or write: this is never a defect of ours.
REFUSALS = {errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EROFS}


class InputError(ValueError):
    """Something the user gave us cannot be used; the message names it and the way out.

    Raised for configs, files, data and arguments. Everything else that is raised is a defect of ours
    and keeps its traceback.
    """


class RepeatedError(InputError):
    """What another process of the run has found wrong and says itself."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The part of an error message that suggests the valid name closest to ``name``, or ''."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f' Did you mean {close[0]!r}?' if close else ''


def command(main: Callable[..., int | None]) -> Callable[..., int]:
    """Make ``main`` the entry point of a command: an :class:`InputError` ends it as ``error: ...`` and 2.

    So does a file or folder that cannot be written or read where the user wants it.
    """

    @functools.wraps(main)
    def run(*args: object, **kwargs: object) -> int:
        try:
            return main(*args, **kwargs) or 0
        except InputError as error:
            if not isinstance(error, RepeatedError):
                print(f'error: {error}', file=sys.stderr)
            return 2
        except OSError as error:
            if error.errno not in REFUSALS or error.filename is None:
                raise
            print(f'error: {error.filename} cannot be used: {error.strerror}.', file=sys.stderr)
            return 2

    return run
