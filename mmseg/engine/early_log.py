"""What is said before a run has a log file: kept, and written to it once it is there."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger


class _Keeper(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def kept_messages() -> Iterator[list[logging.LogRecord]]:
    """What the current logger says inside, which is when the parts of a run are built."""
    records: list[logging.LogRecord] = []
    logger, keeper = MMLogger.get_current_instance(), _Keeper(records)
    logger.addHandler(keeper)
    try:
        yield records
    finally:
        logger.removeHandler(keeper)


def write_to_file(records: list[logging.LogRecord], logger: logging.Logger) -> None:
    """Write ``records``, which were shown already, to the log file of ``logger``."""
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            for record in records:
                handler.handle(record)
