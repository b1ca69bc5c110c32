"""The text log of a run as a file: what cannot be written ends the run instead of being passed over."""

import contextlib
import functools
import logging
import sys
from pathlib import Path

from mmseg.errors import full_disk
from mmseg.writing import naming_full_disk


def guard_log_files(logger: logging.Logger) -> None:
    """Let the log files of ``logger`` take any file name, and raise :class:`DiskFullError` where there is no room.

    Python's own handlers print a traceback at every record that they cannot write, and go on.
    """
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.errors = 'backslashreplace'  # names of files need not be UTF-8
            if handler.stream is not None:
                handler.stream.reconfigure(encoding='utf-8', errors='backslashreplace')
            handler.handleError = functools.partial(_handle, handler)  # type: ignore[method-assign]


def _handle(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    error = sys.exc_info()[1]
    if error is None or full_disk(error) is None:
        logging.Handler.handleError(handler, record)
        return
    stream, handler.stream = handler.stream, None
    with contextlib.suppress(OSError):  # it would try to write the same once more
        if stream is not None:
            stream.close()
    with naming_full_disk(Path(handler.baseFilename)):
        raise error
