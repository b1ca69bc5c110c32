"""Whether a run goes on as it began: settings and machine of a checkpoint against those of today."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmengine import Config
from mmengine.logging import print_log

from mmseg.config import legacy, schema
from mmseg.config.influence import DATA_WITHOUT_INFLUENCE, WITHOUT_INFLUENCE
from mmseg.engine.provenance import PACKAGES, config_text, saved_config
from mmseg.errors import InputError

# Not compared besides: names, how often is drawn, what only a beginning needs, and what is checked elsewhere (n_gpus).
PASSING = WITHOUT_INFLUENCE | {'name', 'exp', 'n_gpus', 'load_from', 'custom_imports'}
PASSING_PATHS = ('data.val', 'data.test')
PASSING_NAMES = DATA_WITHOUT_INFLUENCE | {'pretrained', 'init_cfg', 'debug_img_interval'}
# Of these it is said that they changed. A longer run is what many want; hooks mostly watch.
TOLD = ('runner.max_iters', 'custom_hooks')
# These change the last bits of sums, as another machine does.
BITS = ('deterministic', 'cudnn_benchmark', 'compile', 'env_cfg')
# With another optimizer its state would mean nothing.
NEVER = 'optimizer.type'
MACHINE = {'cpu_threads': 'threads', 'processor': 'processor', 'gpu': 'GPU', 'cuda': 'CUDA', 'cudnn': 'cuDNN'}
ABSENT = 'none'
ARROW = '→'


class Change(NamedTuple):
    """A setting by its dotted key, as it was in the checkpoint and as it is now."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f'{self.key} {_shown(self.old)} {ARROW} {_shown(self.new)}'


def check_resume(
    state: Mapping[str, Any], state_file: Path, cfg: Config, environment: Mapping[str, str], *, allow_changes: bool
) -> list[Change]:
    """Compare the run that wrote ``state`` with the one that goes on from it; the changes that were allowed.

    What changes the training is refused; a longer run, other hooks and another machine are warnings. Checkpoints
    that do not say how they were made are taken as they are.

    Raises:
        InputError: names every setting that changes the training, unless ``allow_changes``; another kind of
            optimizer always.
    """
    changes = list(_changes(state['meta'], cfg))
    refused = [change for change in changes if not _in(change.key, (*TOLD, *BITS))]
    other_kind = [change for change in refused if change.key == NEVER]
    if other_kind or (refused and not allow_changes):
        raise InputError(_refusal(state_file, other_kind or refused, final=bool(other_kind)))
    for change in refused:
        _warn(f'The training goes on with another setting, as --allow-changes says: {change}.')
    for change in changes:
        if _in(change.key, TOLD):
            _warn(f'{change}: this is not the run that the checkpoint belongs to, but one that goes on from it.')
    drift = [change for change in changes if _in(change.key, BITS)]
    drift += _other_machine(state['meta'].get('env_info'), environment)
    if drift:
        _warn(f'The run goes on, but not bit for bit: {", ".join(map(str, drift))}.')
    return refused


def check_images(
    state: Mapping[str, Any], state_file: Path, images: Mapping[str, Mapping[str, Any]], *, allow_changes: bool
) -> list[Change]:
    """Compare the images that ``state`` was trained on with those of today; the changes that were allowed.

    Args:
        state: of a checkpoint; one that does not tell its images is taken as it is.
        state_file: where it is from.
        images: as :func:`mmseg.engine.checkpoints.image_lists.image_lists` gives them.
        allow_changes: go on with other images.

    Raises:
        InputError: there are more, fewer or other ones, unless ``allow_changes``.
    """
    before = state['meta'].get('images') or {}
    changes = []
    for role, now in images.items():
        old = before.get(role, now)
        if old != now:
            count, place = now['count'], '.'.join(filter(None, ('data.train', role)))
            told = count if old.get('count') != count else f'{count} of other names'
            changes.append(Change(f'images of {place}', old.get('count'), told))
    if changes and not allow_changes:
        raise InputError(_refusal(state_file, changes, final=False))
    for change in changes:
        _warn(f'The training goes on with other images, as --allow-changes says: {change}.')
    return changes


def differences(old: Any, new: Any, key: str = '') -> Iterator[Change]:
    """Where two JSON values differ, by dotted key; lists of other lengths as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name), new.get(name), f'{key}.{name}' if key else name)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, now) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, now, f'{key}.{number}')
    elif old != new:
        yield Change(key, old, new)


def _changes(meta: Mapping[str, Any], cfg: Config) -> Iterator[Change]:
    """Every difference but those that never matter."""
    new = _in_todays_words(config_text(cfg))
    assert new is not None, 'the config of this run'
    old = _in_todays_words(meta.get('config')) or {**new, 'seed': meta['seed']}
    known = sorted(schema.TOP_LEVEL)  # what else is there are variables, which have done their work
    for change in differences({key: old.get(key) for key in known}, {key: new.get(key) for key in known}):
        names = change.key.split('.')
        if names[0] not in PASSING and not _in(change.key, PASSING_PATHS) and not PASSING_NAMES.intersection(names):
            yield change


def _in_todays_words(text: Any) -> dict[str, Any] | None:
    """The config that a checkpoint keeps, in today's spelling and complete; None if it cannot be read."""
    values = saved_config(text)
    if values is None:
        return None
    try:
        legacy.modernise(values)
        return json.loads(json.dumps(schema.complete(values, name=''), default=str))
    except (TypeError, ValueError, AttributeError):
        return None


def _other_machine(before: Mapping[str, str] | None, now: Mapping[str, str]) -> list[Change]:
    names = MACHINE | {package: package for package in PACKAGES}
    return [
        Change(name, before[key], now[key])
        for key, name in names.items()
        if before and key in before and key in now and before[key] != now[key]
    ]


def _in(key: str, places: tuple[str, ...]) -> bool:
    return any(key == place or key.startswith(f'{place}.') for place in places)


def _refusal(state_file: Path, changes: list[Change], *, final: bool) -> str:
    remedy = '' if final else '; --allow-changes goes on with the new ones, and records it'
    return (
        f'{state_file} was trained with other settings: {"; ".join(map(str, changes))}. A run is resumed with its own'
        f'{remedy}. To start a new run from its weights: --cfg-options load_from={state_file}.'
    )


def _shown(value: Any) -> str:
    return ABSENT if value is None else json.dumps(value) if isinstance(value, dict | list) else str(value)


def _warn(text: str) -> None:
    print_log(text, 'current', logging.WARNING)
