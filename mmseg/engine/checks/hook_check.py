"""Whether the hooks that a config names exist and take what it gives them, before anything is built or written."""

import logging
import re
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner.priority import Priority, get_priority

from mmseg.config.components import told_with_place
from mmseg.engine.hooks.checkpoint import CheckpointSaver
from mmseg.engine.trackers import TRACKERS, vis_backend
from mmseg.errors import InputError, nearest
from mmseg.registry import HOOKS, check_arguments

NEVER = re.compile(r'(before|after)_(val|test)(_iter|_epoch)?|(before|after)_train_epoch')

#: hooks of the engine that cannot work here, or would do beside ours what ours do; and what to do
INSTEAD = {
    'EMAHook': (
        'saves averaged weights, but evaluates and logs the others: take it out. Adaptation has an average of its own, '
        'the teacher (--weights teacher).'
    ),
    'CheckpointHook': 'would write checkpoints of the engine among ours: take it out, and set checkpoint_config.',
    'IterTimerHook': 'has nothing to add to the times in the log: take it out.',
    'LoggerHook': 'would write a second log: take it out, and set log_config.',
    'ParamSchedulerHook': 'has no schedulers here: take it out, and set lr_config.',
    'EarlyStoppingHook': 'cannot stop this loop: take it out, and set runner.max_iters, or evaluation.save_best.',
}


def check_hooks(cfg: Config) -> None:
    """Check names, arguments and needed packages of ``checkpoint_config``, ``log_config.hooks`` and ``custom_hooks``.

    Raises:
        InputError: one is not known, has no such argument or not with this value, or needs a package that is not
            installed.
    """
    saver = {key: value for key, value in (cfg.get('checkpoint_config') or {}).items() if key != 'type'}
    told_with_place('checkpoint_config', lambda: check_arguments(CheckpointSaver, saver))
    places = {'log_config.hooks': (cfg.get('log_config') or {}).get('hooks'), 'custom_hooks': cfg.get('custom_hooks')}
    for place, hooks in places.items():
        for number, hook in enumerate(hooks or ()):
            if hook['type'] in TRACKERS and place == 'log_config.hooks':
                vis_backend(hook, Path())
            else:
                _check_hook(f'{place}.{number}', hook)


def _check_hook(place: str, cfg: dict[str, Any]) -> None:
    name = cfg['type']
    known = _known_hooks()
    if name not in known:
        raise InputError(f'{place}: {name!r} is not a known hook.{nearest(str(name), {*known, *TRACKERS})}')
    try:
        get_priority(cfg.get('priority', 'NORMAL'))
    except (KeyError, TypeError, ValueError) as error:
        names = ', '.join(priority.name for priority in Priority)
        raise InputError(f'{place}: priority={cfg["priority"]!r} is not in 0..100 or one of {names}.') from error
    _check_points(place, name, known[name])
    arguments = {key: value for key, value in cfg.items() if key not in ('type', 'priority')}
    told_with_place(place, lambda: check_arguments(known[name], arguments))


def _check_points(place: str, name: str, kind: type) -> None:
    """Refuse a hook that changes what is evaluated or saved, and name one that waits for what never comes.

    Evaluation is a hook here, and training has no epochs.
    """
    if name in INSTEAD:
        raise InputError(f'{place}: {name} {INSTEAD[name]}')
    waits = [
        point
        for point in dir(kind)
        if NEVER.fullmatch(point) and getattr(kind, point) is not getattr(Hook, point, None)
    ]
    if waits and kind.__module__.startswith('mmengine.'):
        print_log(f'{place}: {name} acts in {", ".join(waits)}, which is never reached.', 'current', logging.WARNING)


def _known_hooks() -> dict[str, Any]:
    """By name: ours, and the engine's own."""
    HOOKS.import_from_location()
    inherited = HOOKS.parent.module_dict if HOOKS.parent else {}
    return {**inherited, **HOOKS.module_dict}
