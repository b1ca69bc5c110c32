"""Work directories -> runs, and runs that differ in nothing but the seed -> experiments."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from mmseg.config.leaves import has_labels, leaves
from mmseg.config.load import load_config
from mmseg.datasets.files import walk
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.engine.provenance import ENVIRONMENT_FILE
from mmseg.engine.work_dir import config_of
from mmseg.errors import InputError
from mmseg.evaluation.label_free import LABEL_FREE
from mmseg.evaluation.origin import state_in_words
from mmseg.report.facts import ORACLE, Facts, facts_of, flat, identity, network, portable
from mmseg.report.logs import LOG_END, Log, percent, read_log
from mmseg.report.published import Published, published_for

# A class is called unstable when a seed misses it and another finds it (IoU in percent).
MISSED, FOUND = 5.0, 20.0
CLASS = 'IoU.'
SPLITS = ('train', 'val', 'test')


class Spread(NamedTuple):
    """Mean and sample standard deviation (None for a single value) over ``seeds`` seeds, in percent."""

    mean: float
    std: float | None
    seeds: int


@dataclass(frozen=True)
class Run:
    """One training run: its folder, complete config, log, and the record of its environment."""

    folder: Path
    config: Mapping[str, Any]
    log: Log
    environment: Mapping[str, str]
    given_name: str = ''

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def seed(self) -> int | None:
        return self.config.get('seed')

    @cached_property
    def facts(self) -> Facts:
        return facts_of(self.config)

    @property
    def iteration(self) -> int:
        """The last iteration that was logged."""
        return max([*self.log.train, *self.log.val], default=0)

    @property
    def state(self) -> str:
        """Which state of the run its numbers are of: the last one, however good others were, or how far it is."""
        return state_in_words(max(self.evaluations, default=self.iteration), self.facts.iterations)

    @property
    def finished(self) -> bool:
        """Whether the last iteration was evaluated; of a run that measures nothing, whether it was trained."""
        measured = self.evaluations or has_labels(self.config['data'].get('val'))
        records = self.evaluations if measured else {**self.log.train, **self.log.val}
        return bool(records) and max(records) >= self.facts.iterations

    @cached_property
    def evaluations(self) -> dict[int, dict[str, float]]:
        """What was measured with labels, by iteration."""
        return {at: values for at, values in self.log.val.items() if values.keys() - set(LABEL_FREE)}

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The last evaluation in percent, {} before the first; with the means over Synthia's classes."""
        if not self.log.val:
            return {}
        last = self.log.val[max(self.log.val)] | (self.evaluations[max(self.evaluations)] if self.evaluations else {})
        found = {name: percent(value) for name, value in last.items()}
        for name, classes in CITYSCAPES19.subsets.items():
            keys = [CLASS + title for title in classes]
            if name not in found and all(key in found for key in keys):
                found[name] = statistics.fmean(found[key] for key in keys)
        return found

    @property
    def classes(self) -> list[str]:
        return [name.removeprefix(CLASS) for name in self.metrics if name.startswith(CLASS)]


@dataclass(frozen=True)
class Unstable:
    """A class that one seed misses and another finds; IoU in percent by seed."""

    title: str
    by_seed: Mapping[str, float]


@dataclass
class Experiment:
    """Runs that differ in nothing but the seed; ``oracle`` is what they are measured against, if it is there."""

    label: str
    runs: list[Run]
    oracle: 'Experiment | None' = field(default=None, repr=False)

    @property
    def facts(self) -> Facts:
        return self.runs[0].facts

    @property
    def counted(self) -> list[Run]:
        """The runs whose results count: the finished ones, or all if none is."""
        return [run for run in self.runs if run.finished] or self.runs

    @property
    def headline(self) -> str:
        """The metric that the setting is judged by: 16 classes where Synthia is the source."""
        return 'mIoU16' if self.facts.source == 'Synthia' else 'mIoU'

    @cached_property
    def published(self) -> Published | None:
        return published_for(self.runs[0].config)

    def spread(self, metric: str) -> Spread | None:
        """``metric`` over the seeds; None where no run has it."""
        values = [run.metrics[metric] for run in self.counted if metric in run.metrics]
        if not values:
            return None
        return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))

    def relative(self, metric: str) -> float | None:
        """Percent of the oracle's mean that the mean of ``metric`` reaches."""
        own, bound = self.spread(metric), self.oracle.spread(metric) if self.oracle else None
        return 100 * own.mean / bound.mean if own and bound and bound.mean > 0 else None

    def unstable(self) -> list[Unstable]:
        """Classes below 5 IoU in one seed and above 20 in another."""
        found = []
        for title in dict.fromkeys(name for run in self.counted for name in run.classes):
            values = {
                seed_name(run): run.metrics[CLASS + title] for run in self.counted if CLASS + title in run.metrics
            }
            if values and min(values.values()) < MISSED and max(values.values()) > FOUND:
                found.append(Unstable(title, values))
        return found


def read_run(folder: Path, given_name: str = '') -> Run:
    """The run in a work directory; one that has logged nothing yet has an empty log.

    Raises:
        InputError: ``folder`` holds no config, or none of a run; a log is none.
    """
    config = load_config(config_of(folder), purpose='test').to_dict()
    logs = sorted(folder.glob('*.log.json'))
    log = read_log(logs) if logs else Log()
    run = Run(folder, config, log, _environment(folder, log), given_name)
    _refuse_other_forms(run)
    return run


def _refuse_other_forms(run: Run) -> None:
    """Refuse a config that loads, but says nothing that could be told of a run."""
    if not isinstance(run.seed, int | None):
        raise InputError(f'{run.folder}: seed={run.seed!r} in its config is no whole number.')
    for split, described in (run.config.get('data') or {}).items():
        if split in SPLITS and described and not any(leaves(described)):
            raise InputError(f'{run.folder}: data.{split}={described!r} in its config describes no data set.')
    try:
        flat(portable(run.config))
        published_for(run.config)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise InputError(
            f'{run.folder}: its config does not describe a run of this project ({type(error).__name__}: {error}).'
        ) from error


def find_work_dirs(folders: Iterable[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Named work directories as given; any other folder stands for those in it, however deep, and by links too.

    Raises:
        InputError: a folder is neither.
    """
    found: list[tuple[str, Path]] = []
    for name, folder in folders:
        if not folder.is_dir():
            raise InputError(f'{folder} is not a folder. Name work directories, or folders of them.')
        inside = sorted({(folder / name).parent for name in walk(folder) if name.endswith(LOG_END)})
        if any(folder.glob('*.log.json')) or not inside:
            config_of(folder)
            inside = [folder]
        found += [(name, path) for path in inside if (name, path) not in found]
    return found


def experiments_of(runs: Sequence[Run]) -> list[Experiment]:
    """Group repetitions, name the groups, and find the oracle of each; source-only first, oracles last."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.given_name or identity(run.config), []).append(run)
    order = {'source-only': 0, ORACLE: 2}
    experiments = [Experiment(_label(members), sorted(members, key=_seed_order)) for members in groups.values()]
    experiments.sort(key=lambda one: order.get(one.facts.setting, 1))
    _tell_apart(experiments)
    oracles = [one for one in experiments if one.facts.setting == ORACLE]
    for one in experiments:
        same = [bound for bound in oracles if network(bound.runs[0].config) == network(one.runs[0].config)]
        one.oracle = max(same, key=lambda bound: len(bound.runs), default=None)
    return experiments


def differing(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """What differs between configs: dotted key -> the value in each (None where absent)."""
    plain = [flat(portable(config)) for config in configs]
    keys = dict.fromkeys(key for config in plain for key in config)
    rows = {key: [config.get(key) for config in plain] for key in keys}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def _label(members: Sequence[Run]) -> str:
    """What a group is called: as the user says, or as its first run is, without table and seed."""
    first = members[0]
    name = str(first.config.get('name') or first.name)
    return first.given_name or name.removesuffix(f'_s{first.seed}').removeprefix(f'{first.config.get("exp")}_')


def _tell_apart(experiments: Sequence[Experiment]) -> None:
    """Give experiments that share a name the first value in which their configs differ."""
    for label in {one.label for one in experiments}:
        alike = [one for one in experiments if one.label == label]
        if len(alike) > 1:
            rows = differing([one.runs[0].config for one in alike])
            key = next((key for key, values in rows.items() if len(set(map(str, values))) == len(alike)), None)
            for number, one in enumerate(alike):
                one.label = f'{label} ({key.split(".")[-1]}={rows[key][number]})' if key else f'{label} ({number + 1})'


def _seed_order(run: Run) -> tuple[int, str]:
    return (-1 if run.seed is None else run.seed, run.name)


def seed_name(run: Run) -> str:
    """What a run is called among those that differ in the seed."""
    return f'seed {run.seed} ({run.name[-5:]})' if run.seed is None else f'seed {run.seed}'


def _environment(folder: Path, log: Log) -> dict[str, str]:
    """The record that the run left: its file, or the head of its log (a text in those of mmcv 1.x)."""
    file = folder / ENVIRONMENT_FILE
    if file.is_file():
        lines = file.read_text(encoding='utf-8', errors='replace').splitlines()
    else:
        info = log.header.get('env_info', {})
        if isinstance(info, Mapping):
            return {str(key): str(value) for key, value in info.items()}
        lines = str(info).splitlines()
    return dict(line.split(': ', 1) for line in lines if ': ' in line)
