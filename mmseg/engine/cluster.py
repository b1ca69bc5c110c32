"""Grids on a cluster with Slurm: one job per run, all of a grid in one job array.

A job trains its run as :mod:`mmseg.engine.grid` does. Shortly before its time is up, or when it is preempted, Slurm
sends a signal: the run saves its state, the job goes back into the queue and later continues bit for bit. Whatever
else ends a job, submitting the grid again goes on where the records say.
"""

import dataclasses
import math
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmengine import Config

from mmseg.config.names import unprintable
from mmseg.engine.grid import RECORDS, GridRun, Record, arguments_of, grid_run, prepare, train_held
from mmseg.engine.launch import Launcher, Nodes, command_of
from mmseg.errors import InputError

if TYPE_CHECKING:
    import submitit

REQUEUES = 10_000  # how often a job may run out of time
FIRST_PORT, PORTS = 20_000, 20_000
OPTION = re.compile(r'[A-Za-z][A-Za-z0-9_-]*')
TIME = re.compile(r'(?:(?P<days>\d+)-)?(?P<parts>\d+(?::\d+){0,2})')


@dataclass(frozen=True)
class Resources:
    """What a job asks for.

    Args:
        partition: of the cluster; None takes its default.
        gpus_per_node: also the processes on each machine; 0 trains in one process on the CPU.
        nodes: machines that train one run together.
        minutes: time limit of one job, after which the run continues in the next.
        options: other options of ``sbatch``, by name without dashes.
    """

    partition: str | None = None
    gpus_per_node: int = 1
    nodes: int = 1
    minutes: int = 1440
    options: dict[str, str] = field(default_factory=dict)


def minutes_of(time: str) -> int:
    """Slurm's spelling of a time limit in minutes, rounded up: ``90``, ``4:00:00``, ``1-12``, ``1-12:30:00``.

    Raises:
        InputError: something else.
    """
    match = TIME.fullmatch(time)
    if match is None:
        raise InputError(f'--time {time}: not minutes, HH:MM:SS, D-HH or D-HH:MM:SS.')
    parts = [int(part) for part in match['parts'].split(':')]
    if match['days'] is not None:
        hours, minutes, seconds = [*parts, 0, 0][:3]
        hours += 24 * int(match['days'])
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:
        hours, (minutes, seconds) = 0, [*parts, 0][:2]
    return max(1, math.ceil(hours * 60 + minutes + seconds / 60))


@dataclass
class ClusterJob:
    """What runs inside a job: submitit pickles it, calls it there, and asks it for a checkpoint when time is up.

    Args:
        run: the run to train; its folder has to be absolute.
        processes: on each machine.
    """

    run: GridRun
    processes: int

    def __call__(self) -> str:
        """Train; the state in which the run ended.

        Raises:
            RuntimeError: it failed, so that the cluster's accounting says so too.
        """
        import submitit  # noqa: PLC0415 (optional)

        here = submitit.JobEnvironment()
        nodes = Nodes(
            count=here.num_nodes,
            index=here.node,
            main=here.hostnames[0],
            port=FIRST_PORT + int(here.raw_job_id) % PORTS,
            processes=self.processes,
        )
        # Slurm sends SIGTERM to the training itself; the signal for a checkpoint reaches it through checkpoint().
        self._launcher = Launcher(own_group=False, ignored=[getattr(signal, f'SIG{here.USR_SIG}')])
        return self._train(nodes, here.job_id) if here.global_rank == 0 else self._help(nodes)

    def checkpoint(self) -> 'submitit.helpers.DelayedSubmission':
        """Let the run save its state; what to do when the job is started again: the same."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415 (optional)

        self._launcher.stop()
        return DelayedSubmission(ClusterJob(self.run, self.processes))

    def _train(self, nodes: Nodes, job: str) -> str:
        with self.run.locked() as descriptor:
            if descriptor is None:
                return 'elsewhere'
            record = train_held(
                self.run,
                self._record(),
                lambda arguments: self._launcher.run(command_of(arguments, nodes=nodes), inherited=descriptor),
                job=job,
            )
        if record.state == 'failed':
            raise RuntimeError(f'{self.run.name} failed with exit code {record.code}: {record.error}')
        return record.state

    def _help(self, nodes: Nodes) -> str:
        """Train as one of the other machines of the run; the first one keeps the records."""
        arguments = arguments_of(self.run, self._record())
        outcome = self._launcher.run(command_of(arguments, nodes=nodes))
        return f'exit code {outcome.code}'

    def _record(self) -> Record:
        record = self.run.record()
        if record is None:
            raise RuntimeError(f'The folder of {self.run.name} was deleted after it was submitted.')
        return record


def submit(cfgs: Sequence[Config], resources: Resources) -> int:
    """Submit ``cfgs`` as one job array, but for those that are finished, queued or being trained; the exit code.

    Raises:
        InputError: this is no machine of a cluster, submitit is absent, or the cluster refuses the jobs.
    """
    executor = _executor(cfgs, resources)
    queued = _queued()
    waiting: list[GridRun] = []
    for cfg in cfgs:
        run = grid_run(cfg)
        run = dataclasses.replace(run, folder=run.folder.absolute())
        state = _ready(run, cfg, queued)
        print(f'{run.name}: {state}', flush=True)  # noqa: T201
        if state == READY:
            waiting.append(run)
    if not waiting:
        print('Nothing to submit.')  # noqa: T201
        return 0
    jobs = _submit(executor, [ClusterJob(run, max(1, resources.gpus_per_node)) for run in waiting])
    for run, job in zip(waiting, jobs, strict=True):
        record = run.record()
        if record is not None and record.state == 'submitted':  # else it runs already, and knows its job
            run.write(dataclasses.replace(record, job=job))
    print(f'Submitted {len(jobs)} runs: {", ".join(jobs)}. Logs of the jobs: {executor.folder}')  # noqa: T201
    return 0


READY = 'submitted'


def _ready(run: GridRun, cfg: Config, queued: set[str]) -> str:
    """:data:`READY` and recorded as such, or why ``run`` is left alone."""
    with run.locked() as descriptor:
        if descriptor is None:
            return 'another process trains it'
        record = prepare(run, cfg)
        if record.state == 'finished':
            return f'finished before, in {run.folder / record.work_dir}'
        if record.job in queued:
            return f'in the queue as job {record.job}'
        run.write(dataclasses.replace(record, state='submitted', job=''))
    return READY


def _executor(cfgs: Sequence[Config], resources: Resources) -> 'submitit.SlurmExecutor':
    if shutil.which('sbatch') is None:
        raise InputError('--machine slurm: there is no sbatch here. Submit from a machine of the cluster.')
    try:
        import submitit  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise InputError(
            "--machine slurm needs submitit: pip install 'submitit>=1.5', or the extra [slurm]."
        ) from error
    processes = max(1, resources.gpus_per_node)
    workers = max(cfg.data.workers_per_gpu for cfg in cfgs)
    wanted: dict[str, Any] = {
        'job_name': f'{cfgs[0].exp}',
        'time': resources.minutes,
        'nodes': resources.nodes,
        'ntasks_per_node': 1,  # torchrun starts the processes of a machine
        'cpus_per_task': processes * (1 + workers),
        'gpus_per_node': resources.gpus_per_node or None,
        'partition': resources.partition,
        'additional_parameters': {'requeue': True, **resources.options},
    }
    folder = grid_run(cfgs[0]).folder.absolute() / RECORDS / 'slurm'
    _refuse_second_lines({**wanted, **resources.options, 'folder': folder})
    executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=REQUEUES)
    executor.update_parameters(**{key: value for key, value in wanted.items() if value is not None})
    return executor


def _refuse_second_lines(wanted: Mapping[str, Any]) -> None:
    """Refuse what would not end with its line of the job script, and so be run as a command.

    Raises:
        InputError: an option of sbatch that can be none, or a value with a line break.
    """
    for key, value in wanted.items():
        if not OPTION.fullmatch(key):
            raise InputError(f'--slurm-options: {key!r} is no option of sbatch (e.g. account=vision).')
        if unprintable(str(value)):
            raise InputError(f'{key}={str(value)!r} holds a control character, such as a line break.')


def _submit(executor: 'submitit.SlurmExecutor', jobs: Sequence[ClusterJob]) -> list[str]:
    """The numbers that the cluster gives to ``jobs``."""
    from submitit.core.utils import FailedJobError  # noqa: PLC0415 (optional)

    try:
        with executor.batch():
            submitted = [executor.submit(job) for job in jobs]
    except (FailedJobError, subprocess.CalledProcessError) as error:
        raise InputError(f'The cluster refuses the jobs: {error}') from error
    return [job.job_id for job in submitted]


def _queued() -> set[str]:
    """Numbers of the jobs that wait or run, elements of arrays one by one."""
    command = ['squeue', '--me', '--noheader', '--array', '--format=%i']
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise InputError(f'--machine slurm: the cluster does not answer: {listed.stderr.strip()}')
    return set(listed.stdout.split())
