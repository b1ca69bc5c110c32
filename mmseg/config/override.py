"""Settings of a command line over those of a config file."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from mmseg.config.read import BASE, IMPORTS
from mmseg.config.schema import DEFAULTS, SECTIONS, TOP_LEVEL
from mmseg.errors import InputError, nearest

# What a config file is put together by: too late to change afterwards.
WITH_THE_FILE = (BASE, IMPORTS)
# Keys of older configs that are translated (:mod:`mmseg.config.legacy`) or said to have no effect.
OLD = {'train_cfg', 'test_cfg', 'fp16', 'gpu_ids', 'total_iters'}
# What makes up the names of runs, and is in no other way read.
NAMES = 'name_'
# What others call settings.
CALLED_OTHERWISE = {
    'batch_size': 'data.samples_per_gpu',
    'num_workers': 'data.workers_per_gpu',
    'learning_rate': 'optimizer.lr',
    'iters': 'runner.max_iters',
    'max_iter': 'runner.max_iters',
    'total_iters': 'runner.max_iters',
}
SHOWN = 4
# Settings that are read when a network is tested, each with all below it; and what says there what others mean.
READ_IN_TESTS = (
    'model', 'data.train', 'data.val', 'data.test', 'data.workers_per_gpu', 'evaluation.weights', 'tf32', 'dist_params',
    'runner', 'load_from', IMPORTS, *OLD,
)  # fmt: skip
SAID_IN_TESTS = {
    'data.samples_per_gpu': '--samples-per-gpu',
    'evaluation.samples_per_gpu': '--samples-per-gpu',
    'evaluation.metric': '--eval',
    'evaluation.precision': '--precision',
    'precision': '--precision',
    'resume_from': 'the second argument, the checkpoint,',
    'work_dir': '--show-dir, --id-dir or --out',
}


def override(cfg: Config, options: Mapping[str, Any]) -> None:
    """Put ``options``, by dotted key, into the config that a file and its bases make, before it is completed.

    Raises:
        InputError: one does not fit, or would do nothing: a key of the top level that is no setting.
    """
    for key, value in options.items():
        first = key.partition('.')[0]
        if first in WITH_THE_FILE:
            raise InputError(f'{key} is needed when the file is read: write it there, not in --cfg-options.')
        if not _acts(first, cfg):
            raise InputError(f'{cfg.filename}: the override {key}={value!r} would do nothing: {_why(key, cfg)}')
        if value == {} and _is_filled(cfg.to_dict(), key):
            raise InputError(
                f'{cfg.filename}: the override {key}={{}} would do nothing: what it says is added to the section, '
                f'which stays as it is. {key}=None takes it away, {key}.KEY=VALUE changes it.'
            )
        try:
            _open_section(cfg, key)
            cfg.merge_from_dict({key: value})
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise InputError(f'{cfg.filename}: the override {key}={value!r} does not fit: {error}') from error


def refuse_of_training(options: Mapping[str, Any]) -> None:
    """Refuse overrides for a test that only a training would read.

    Raises:
        InputError: one of them, with the option that says it instead.
    """
    for key in options:
        read = any(key == one or key.startswith(f'{one}.') or one.startswith(f'{key}.') for one in READ_IN_TESTS)
        if not read and not key.startswith(NAMES):
            said = SAID_IN_TESTS.get(key)
            remedy = f'{said} says it here' if said else 'only a training reads it'
            raise InputError(f'--cfg-options {key} would do nothing: {remedy}.')


def _acts(first: str, cfg: Config) -> bool:
    """Whether anything reads this key of the top level; ``total_iters`` counts where there is no runner."""
    if first == 'total_iters' and cfg.get('runner'):
        return False
    return first in TOP_LEVEL | OLD or first.startswith(NAMES)


def _is_filled(values: Any, key: str) -> bool:
    """Whether a section with anything in it is at the dotted ``key``; elements of lists go by number."""
    for part in key.split('.'):
        if isinstance(values, list | tuple) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            values = values.get(part) if isinstance(values, dict) else None
    return isinstance(values, dict) and bool(values)


def _why(key: str, cfg: Config) -> str:
    """What is wrong with a key that nothing reads, and which one was meant."""
    first, _, rest = key.partition('.')
    if first in OLD:
        reason = f'{first} counts only where there is no runner.'
    elif first in cfg:
        reason = f'{first} is a variable whose value the file has put in its places already.'
    else:
        reason = f'{first!r} is no setting of the top level.'
    if (alike := nearest(first, TOP_LEVEL)) and rest:
        return reason + alike
    last = key.rpartition('.')[2]
    places = _ending_in(key, cfg) or ([] if last.isdigit() else _ending_in(last, cfg))
    if (meant := CALLED_OTHERWISE.get(last)) and meant not in places:
        places.insert(0, meant)
    if not places:
        return reason + nearest(first, TOP_LEVEL)
    more = f', or another of {len(places)}' if len(places) > SHOWN else ''
    return f'{reason} Did you mean {" or ".join(places[:SHOWN])}{more}?'


def _ending_in(key: str, cfg: Config) -> list[str]:
    """Keys that act, and end in ``key``, the shortest first: those of the config, else those that it might have."""
    there = {*_dotted(DEFAULTS), *_dotted(cfg.to_dict())}
    might_be = {f'{section}.{name}' for section, names in SECTIONS.items() for name in names}
    for known in (there, might_be):
        found = [one for one in known if one.endswith(f'.{key}') and one.partition('.')[0] in TOP_LEVEL]
        if found:
            return sorted(found, key=lambda one: (one.count('.'), one))
    return []


def _dotted(value: Any, path: str = '') -> Iterator[str]:
    """Every key in ``value`` by its dotted path; elements of lists go by number."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in items:
        place = f'{path}.{key}'.lstrip('.')
        yield place
        yield from _dotted(item, place)


def _open_section(cfg: Config, key: str) -> None:
    """Make the section that ``key`` goes into a dict where the file says None (``optimizer_config = None``)."""
    section = key.partition('.')[0]
    if section != key and cfg.get(section, {}) is None:
        cfg[section] = {}
