"""Whether the hooks that a config names exist, before anything is built or written."""

from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.runner.priority import Priority, get_priority

from mmseg.engine.trackers import TRACKERS, vis_backend
from mmseg.errors import InputError, nearest
from mmseg.registry import HOOKS, accepted_arguments


def check_hooks(cfg: Config) -> None:
    """Check names, argument names and needed packages under ``log_config.hooks`` and ``custom_hooks``.

    Raises:
        InputError: one is not known, has no such argument, or needs a package that is not installed.
    """
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
    arguments = accepted_arguments(known[name])
    for argument in cfg.keys() - {'type', 'priority'} - (cfg.keys() if arguments is None else arguments):
        raise InputError(f'{place}: {name} has no argument {argument!r}.{nearest(argument, arguments or ())}')


def _known_hooks() -> dict[str, Any]:
    """By name: ours, and the engine's own."""
    HOOKS.import_from_location()
    inherited = HOOKS.parent.module_dict if HOOKS.parent else {}
    return {**inherited, **HOOKS.module_dict}
