"""Many runs, one after the other: what is finished is skipped, what was interrupted goes on, a failure stops nothing.

Work directories are named by date and chance. What connects a row of a grid with its work directory is a record in
``work_dirs/local-<exp>/.grid/``, named by the run and by a hash of its settings. It is written before the training
starts, and locked while it runs, so that it is true after ``kill -9`` too.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mmengine import Config

from mmseg import signals
from mmseg.config.influence import WITHOUT_INFLUENCE, of_influence
from mmseg.config.schema import DEFAULTS
from mmseg.config.values import fits, shown
from mmseg.engine.launch import Launcher, Outcome, command_of
from mmseg.engine.provenance import config_text
from mmseg.engine.work_dir import checkpoint_of, grid_folder, unique_name
from mmseg.errors import InputError
from mmseg.places import make_folder
from mmseg.writing import write_text

try:
    import fcntl
except ImportError:  # Windows: two grids at once would train the same run twice
    fcntl = None  # type: ignore[assignment]

RECORDS = '.grid'
STOPPED_CODES = {signals.exit_code(number) for number in signals.ENDING}


@dataclass
class Record:
    """What is known about a run of a grid.

    Args:
        name: of the run.
        work_dir: its folder, beside the folder of the records.
        state: 'new', 'submitted', 'running', 'finished', 'failed' or 'stopped'.
        code: exit code of its last process.
        error: last words of a process that failed.
        job: number of its job on a cluster.
        changed: when this was written.
    """

    name: str
    work_dir: str
    state: str = 'new'
    code: int | None = None
    error: str = ''
    job: str = ''
    changed: str = ''

    def check(self) -> None:
        """Raise a TypeError where a value is not of its kind: a record is a file that anybody may write."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not fits(value, field.type):
                raise TypeError(f'{field.name} is {shown(value)}')


@dataclass(frozen=True)
class GridRun:
    """One run of a grid, by the folder of the grid, its name, and its key among the records.

    ``trust``: the config that is kept for it may import modules, as the one that it was made from did.
    """

    folder: Path
    name: str
    key: str
    trust: bool = False

    @property
    def record_file(self) -> Path:
        return self.folder / RECORDS / f'{self.key}.json'

    @property
    def config_file(self) -> Path:
        """The complete config, as it was when the run was first planned."""
        return self.folder / RECORDS / f'{self.key}.config.json'

    def record(self) -> Record | None:
        """What is known; None for a run that never started or whose folder was deleted since."""
        if not self.record_file.is_file():
            return None
        try:
            record = Record(**json.loads(self.record_file.read_text(encoding='utf-8')))
            record.check()
        except (ValueError, TypeError) as error:
            raise InputError(f'{self.record_file} is no record of a run ({error}). Delete it to start anew.') from error
        gone = record.state in ('finished', 'failed', 'stopped') and not (self.folder / record.work_dir).is_dir()
        return None if gone else record

    def write(self, record: Record) -> None:
        """Replace the record in one step."""
        record.changed = f'{datetime.datetime.now():%Y-%m-%d %H:%M:%S}'
        write_text(self.record_file, json.dumps(dataclasses.asdict(record), indent=2))

    @contextlib.contextmanager
    def locked(self) -> Iterator[int | None]:
        """Hold the run: a descriptor that keeps it held while it is open, None if another process has it.

        Where the file system has no locks, nobody is kept from it.
        """
        make_folder(self.record_file.parent)
        with self.record_file.with_suffix('.lock').open('w') as file:
            yield file.fileno() if _locks(file) else None


def _locks(file: IO[str]) -> bool:
    """Lock ``file``; whether it was possible, as far as there are locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        _say(f'{file.name} cannot be locked ({error.strerror}): see that no other process trains the same runs.')
    return True


def grid_run(cfg: Config) -> GridRun:
    """The place of a run among the records; nothing is written."""
    key = f'{cfg.name}-{settings_hash(cfg.to_dict())}'
    return GridRun(folder=grid_folder(cfg), name=cfg.name, key=key, trust=bool(cfg.get('custom_imports')))


def settings_hash(values: dict[str, Any]) -> str:
    """Eight hex digits that change with every setting that has influence on what is learnt.

    Values that say what the defaults say count as absent, so that a new key with a default changes nothing.
    """
    kept = {
        key: value
        for key, value in values.items()
        if key not in WITHOUT_INFLUENCE and not (key in DEFAULTS and value == DEFAULTS[key])
    }
    kept['data'] = of_influence(values['data'])
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:8]


def prepare(run: GridRun, cfg: Config) -> Record:
    """The record of ``run``, new with a new work directory if there is none; to be called while it is held."""
    record = run.record()
    if record is None:
        record = Record(name=run.name, work_dir=unique_name(run.name))
        run.write(record)
    if checkpoint_of(run.folder / record.work_dir) is None:  # a run goes on as it began
        write_text(run.config_file, config_text(cfg))
    return record


Launch = Callable[[Sequence[str]], Outcome]


def train_held(run: GridRun, record: Record, launch: Launch, *, job: str = '') -> Record:
    """Train ``run`` to its end, from its newest state if it has one, and return its new record.

    Args:
        run: a run that is held by this process and was prepared.
        record: what is known about it.
        launch: starts ``run_experiments.py`` with these arguments and waits for it.
        job: number of the job on a cluster that this happens in.
    """
    if record.state == 'finished':
        return record
    record = dataclasses.replace(record, state='running', code=None, error='', job=job)
    run.write(record)
    outcome = launch(arguments_of(run, record))
    state = 'finished' if outcome.code == 0 else 'stopped' if outcome.code in STOPPED_CODES else 'failed'
    error = outcome.words if state == 'failed' else ''
    record = dataclasses.replace(record, state=state, code=outcome.code, error=error)
    run.write(record)
    return record


def arguments_of(run: GridRun, record: Record) -> list[str]:
    """What ``run_experiments.py`` has to be told: to go on if there is a state, else to begin."""
    work_dir = run.folder / record.work_dir
    trust = ['--trust'] if run.trust else []
    if checkpoint_of(work_dir) is not None:
        return ['--resume', str(work_dir), *trust]
    return ['--config', str(run.config_file), '--work-dir', str(work_dir), *trust]


def run_here(cfgs: Sequence[Config]) -> int:
    """Train ``cfgs`` on this machine, each in a process of its own; the exit code.

    0: all are finished, or in the hands of another process; 1: some are not; else a signal ended the grid.
    """
    ends: list[Record | None] = []
    with Launcher() as launcher:
        for number, cfg in enumerate(cfgs, start=1):
            ends.append(_train_here(cfg, launcher, place=f'[{number}/{len(cfgs)}]'))
            if launcher.stopped_by is not None:
                _say(f'Stopped by signal {launcher.stopped_by}. The same command goes on from here.')
                return signals.exit_code(launcher.stopped_by)
    return _conclude(ends)


def _train_here(cfg: Config, launcher: Launcher, *, place: str) -> Record | None:
    """The record at the end of one run; None if another process has it."""
    run = grid_run(cfg)
    with run.locked() as descriptor:
        if descriptor is None:
            _say(f'{place} {run.name}: another process trains it')
            return None
        record = prepare(run, cfg)
        _say(f'{place} {run.name}: {_intention(run, record)}')
        record = train_held(
            run,
            record,
            lambda arguments: launcher.run(command_of(arguments), inherited=descriptor),
        )
    if record.state == 'failed':
        _say(f'{place} {run.name}: FAILED with exit code {record.code}; the other runs go on')
    return record


def _conclude(ends: Sequence[Record | None]) -> int:
    states = ['elsewhere' if record is None else record.state for record in ends]
    counts = ', '.join(f'{states.count(state)} {state}' for state in dict.fromkeys(states))
    _say(f'{len(ends)} runs: {counts}.')
    bad = [record for record in ends if record is not None and record.state != 'finished']
    for record in bad:
        print(f'not finished: {record.name}: {_reason(record)}', file=sys.stderr)  # noqa: T201
    return 1 if bad else 0


def _reason(record: Record) -> str:
    """One line: the beginning of our own message where there is one, else the last words."""
    lines = record.error.splitlines() or [f'exit code {record.code}']
    ours = [line for line in lines if line.startswith(('error: ', 'stopped: '))]
    return (ours or lines)[-1]


def _intention(run: GridRun, record: Record) -> str:
    work_dir = run.folder / record.work_dir
    if record.state == 'finished':
        return f'finished before, in {work_dir}'
    checkpoint = checkpoint_of(work_dir)
    return f'goes on in {work_dir}' if checkpoint else f'starts in {work_dir}'


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201
