"""What a user got wrong, and how a command says so: one message, exit code 2, no traceback."""

import difflib
import errno
import functools
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterable

from mmseg import screen, signals
from mmseg.shortage import what_is_short

# Why the system refuses a path that it was asked to read or write: this is never a defect of ours.
REFUSALS = {
    errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS
}  # fmt: skip
#: why the system takes no more bytes: no room, a quota, a limit on the size of a file
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: characters of a path that a message shows: one that is longer is refused for that
LONGEST = 400
MISSPELT, ALIKE = 0.6, 0.5  # how much of two names is the same, see difflib
PIPE_CLOSED = 128 + 13  # as a shell tells SIGPIPE
# What the machine, or whoever runs it, does not grant.
LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
# all but tabs and line breaks
CONTROL = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f]')


class InputError(ValueError):
    """Something the user gave us cannot be used; the message names it and the way out.

    Raised for configs, files, data and arguments. Everything else that is raised is a defect of ours
    and keeps its traceback.
    """


class RepeatedError(InputError):
    """What another process of the run has found wrong and says itself."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The part of an error message that suggests the valid name closest to ``name``, or ''.

    Names that are less alike than a misspelling makes them are suggested only if they begin with the same letter
    ('probability' and 'prob'): 'NoSuchHead' is nobody's 'PSPHead'.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=MISSPELT)
    close += [other for other in difflib.get_close_matches(name, names, cutoff=ALIKE) if other[:1] == name[:1]]
    return f' Did you mean {close[0]!r}?' if close else ''


def printable(text: object) -> str:
    """A text for a terminal, which takes control characters (names in files of others may hold them) for commands."""
    return CONTROL.sub('\ufffd', str(text))


def full_disk(error: BaseException | None) -> OSError | None:
    """The system's refusal for lack of room behind ``error``, or None. torch hides it in a RuntimeError."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


def _refused_path(error: Exception) -> OSError | None:
    named = isinstance(error, OSError) and error.errno in REFUSALS and error.filename is not None
    return error if isinstance(error, OSError) and named else None


def command(main: Callable[..., int | None]) -> Callable[..., int]:
    """Make ``main`` the entry point of a command: an :class:`InputError` ends it as ``error: ...`` and 2.

    So does a file or folder that cannot be written or read where the user wants it, and a disk that is full. File
    names that are no UTF-8 are printed as the bytes that they are. A signal ends it with a sentence too, and with the
    exit code of :func:`mmseg.signals.exit_code`; a machine that grants no more memory or open files with 1.
    """

    @functools.wraps(main)
    def run(*args: object, **kwargs: object) -> int:
        if hasattr(sys.stdout, 'reconfigure'):
            sys.stdout.reconfigure(errors='surrogateescape')
        try:
            with signals.handled(signals.end):
                return main(*args, **kwargs) or 0
        except KeyboardInterrupt as interrupt:
            number = getattr(interrupt, 'number', signal.SIGINT)
            signals.say_ended(number)
            return signals.exit_code(number)
        except InputError as error:
            if screen.is_verbose():
                traceback.print_exc()
            if not isinstance(error, RepeatedError):
                print(f'error: {printable(error)}', file=sys.stderr)
            return 2
        except BrokenPipeError:  # whoever reads, such as `head`, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the end
            return PIPE_CLOSED
        except Exception as error:
            short = what_is_short(error, LIMITS)
            if short is not None:
                print(f'stopped: {short}.', file=sys.stderr)
                return 1
            reason = full_disk(error) or _refused_path(error)
            if reason is None:
                raise
            path = reason.filename2 or reason.filename or 'A file'  # the second is the name that was to be taken
            print(f'error: {printable(path)[:LONGEST]} cannot be used: {reason.strerror}.', file=sys.stderr)
            return 2

    return run
