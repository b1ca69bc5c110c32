"""How much is said on the screen: ``mmseg -q`` leaves out what only informs, ``mmseg -v`` tells where errors come from.

Log files hold the same either way. Light: commands import this before torch is there.
"""

import logging
import os

#: set for this process and those that it starts
VARIABLE = 'MMSEG_SCREEN'
QUIET, VERBOSE = 'quiet', 'verbose'
#: options in front of a command
OPTIONS = {'-q': QUIET, '--quiet': QUIET, '-v': VERBOSE, '--verbose': VERBOSE}


def choose(option: str) -> None:
    """Let ``option``, one of :data:`OPTIONS`, count from now on."""
    os.environ[VARIABLE] = OPTIONS[option]


def is_verbose() -> bool:
    """Whether an error is to be shown with the place in the code that it comes from."""
    return os.environ.get(VARIABLE) == VERBOSE


def is_quiet() -> bool:
    """Whether only warnings, errors and results are to be shown."""
    return os.environ.get(VARIABLE) == QUIET


def limit(logger: logging.Logger) -> None:
    """Let ``logger`` show on the screen what was chosen."""
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            continue
        if is_quiet():
            handler.setLevel(logging.WARNING)
        elif is_verbose():
            handler.setLevel(min(handler.level, logger.level))
