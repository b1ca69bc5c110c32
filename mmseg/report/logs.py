"""Reading ``<time>.log.json``: the numbers of a run, also of one that was interrupted and resumed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmseg.errors import InputError, nearest
from mmseg.foreign_json import parse_json

LOG_END = '.log.json'
PATTERN = f'*{LOG_END}'
DEFAULT_KEYS = ('mIoU', 'loss', 'lr')  # what is drawn where nothing else is asked for
# What a record says besides what was measured.
BOOKKEEPING = {'mode', 'epoch', 'iter'}
LARGEST = 1e100  # of a value: sums and squares of such are finite, and can be drawn
MOST_ITERATIONS = 10**12


@dataclass(frozen=True)
class Log:
    """What a run logged, in the order of its iterations.

    ``train`` and ``val`` map the number of finished iterations to the values logged there; metrics of ``val`` are
    fractions in 0..1. What is no number below 1e100 is absent: mmcv 1.x wrote NaN for classes that do not occur.
    ``header`` is the line that names the run (``exp_name``, ``seed``, ``env_info``), of the newest file that has one.
    """

    train: dict[int, dict[str, float]] = field(default_factory=dict)
    val: dict[int, dict[str, float]] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)

    def names(self) -> list[str]:
        """The names of everything logged, those of training first."""
        records = (*self.train.values(), *self.val.values())
        return list(dict.fromkeys(name for record in records for name in record))

    def curve(self, key: str) -> tuple[list[int], list[float]]:
        """Iterations and values of ``key``; metrics of the evaluation in percent."""
        trained = any(key in record for record in self.train.values())
        scale, records = (1.0, self.train) if trained else (100.0, self.val)
        points = [(at, scale * record[key]) for at, record in sorted(records.items()) if key in record]
        return [at for at, _ in points], [value for _, value in points]


def log_files(source: Path) -> list[Path]:
    """``source`` if it is a file, else the logs in that folder, oldest first (their names are times).

    Raises:
        InputError: neither a log nor a folder with one.
    """
    if source.is_file():
        return [source]
    found = sorted(source.glob(PATTERN)) if source.is_dir() else []
    if not found:
        raise InputError(f'{source} is neither a .log.json file nor a work directory that holds one.')
    return found


def read_log(source: Path | Sequence[Path]) -> Log:
    """The log of one run, from a work directory, a file, or several files in the order in which they were written.

    A run that was resumed logs some iterations again: what a later file says replaces everything from its first
    iteration on.

    Raises:
        InputError: a file is no log; names the line.
    """
    log = Log()
    for file in log_files(source) if isinstance(source, Path) else source:
        done: int | None = None
        for record in _records(file):
            if 'mode' not in record:
                log.header.update(record)
                continue
            at = _iteration(record, file)
            evaluated = record['mode'] == 'val'
            if evaluated and done is not None:
                at = max(at, done)  # mmcv 1.x wrote the number of batches here: it belongs to the training before it
            if done is None or at < done or (at == done and not evaluated):
                _forget(log, at + evaluated)  # a resumed run may begin with the evaluation that its log lacks
            done = at
            values = {
                name: float(value)
                for name, value in record.items()
                if name not in BOOKKEEPING and isinstance(value, int | float) and abs(value) <= LARGEST
            }
            (log.val if evaluated else log.train).setdefault(at, {}).update(values)  # an evaluation may be two lines
    return log


def _forget(log: Log, start: int) -> None:
    for records in (log.train, log.val):
        for at in [at for at in records if at >= start]:
            del records[at]


def _iteration(record: dict[str, Any], file: Path) -> int:
    number = record.get('iter', 0)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MOST_ITERATIONS:
        raise InputError(f"{file}: 'iter' is {number!r}, not a whole number. Is it the .log.json of a run?")
    return number


def _records(file: Path) -> Iterator[dict[str, Any]]:
    if not file.is_file():  # a pipe would be waited for, and a device has no end
        raise InputError(f'{file} is no file. Is it the .log.json of a run?')
    try:
        lines = file.read_text(encoding='utf-8').removesuffix('\n').split('\n')
    except UnicodeDecodeError as error:
        raise InputError(f'{file} is no text ({error.reason}). Is it the .log.json of a run?') from None
    for number, line in enumerate(lines, start=1):
        try:
            record = parse_json(line)
        except json.JSONDecodeError:
            if number == len(lines):  # the run was killed while it wrote
                return
            raise InputError(f'{file}, line {number} is not JSON. Is it the .log.json of a run?') from None
        if not isinstance(record, dict):
            raise InputError(f'{file}, line {number} is no JSON object. Is it the .log.json of a run?')
        yield record


def thin(values: Sequence[float], most: int) -> list[int]:
    """Indices of at most ``most`` evenly spread values, first and last among them."""
    if len(values) <= most:
        return list(range(len(values)))
    return sorted({round(i * (len(values) - 1) / (most - 1)) for i in range(most)})


def known_keys(logs: Iterable[Log]) -> list[str]:
    """The names of everything that any of ``logs`` has."""
    return list(dict.fromkeys(key for log in logs for key in log.names()))


def check_keys(keys: Sequence[str], logs: Iterable[Log]) -> None:
    """Refuse keys that no log has.

    Raises:
        InputError: naming the nearest key.
    """
    known = known_keys(logs)
    for key in keys:
        if key not in known:
            raise InputError(f'No log has {key!r}.{nearest(key, known)} Logged: {", ".join(known)}.')


def percent(share: float) -> float:
    """A logged metric, a share with four digits, in percent with two, so that all round it alike from there on."""
    return round(100 * share, 2)


def last_evaluation(work_dir: Path) -> dict:
    """The metrics of the last evaluation line in the newest ``*.log.json`` of a run, as shares of 1.

    Raises:
        InputError: there is none, or a log cannot be read.
    """
    logs = sorted(work_dir.glob('*.log.json'))
    evaluations = [record for log in logs for record in _records(log) if record.get('mode') == 'val']
    if not evaluations:
        raise InputError(f'{work_dir} holds no evaluation: let evaluation.interval divide runner.max_iters')
    return evaluations[-1]
