"""The registries of this project: names in a config -> classes. Declared here and nowhere else.

Each is a child of the engine's registry of the same kind, so that the engine's own hooks, optimizers and
visualizer backends are found by name too. A registry imports the package that fills it only when a name is
looked up: ``import mmseg`` stays light.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from mmengine import registry as engine

from mmseg.errors import InputError, nearest


def import_submodules(package: str, path: Sequence[str]) -> None:
    """Import every module of ``package``, so that a new file registers what it defines by being there."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f'{package}.{module.name}')


def accepted_arguments(target: Callable) -> set[str] | None:
    """Names of the keyword arguments ``target`` takes, following ``**kwargs`` to the parent classes.

    None when any keyword is accepted (a function, or a class without parents, with ``**kwargs``).
    """
    names = {parameter.name for parameter in _keywords(target)}
    open_ended = all(
        any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(constructor).parameters.values())
        for constructor in _constructors(target)
    )
    return None if open_ended else names


def _keywords(target: Callable) -> Iterator[inspect.Parameter]:
    """The parameters of ``target`` that can be given by name, those of the class before those of its parents."""
    for constructor in _constructors(target):
        parameters = inspect.signature(constructor).parameters.values()
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and parameter.name != 'self':
                yield parameter
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return


def _constructors(target: Callable) -> list[Callable]:
    if not inspect.isclass(target):
        return [target]
    return [vars(cls)['__init__'] for cls in target.__mro__ if '__init__' in vars(cls) and cls is not object]


def build(cfg: dict, registry: engine.Registry, default_args: dict | None = None) -> Any:
    """Build what ``cfg`` describes: ``type`` is a registered name (or a class), the rest its arguments.

    Raises:
        InputError: no ``type``, a name that is not registered, an argument that its constructor does
            not have (the message names the nearest valid name), or a text where it takes a number.
    """
    arguments = {**(default_args or {}), **cfg}
    if 'type' not in arguments:
        raise InputError(f"This part of the config has no 'type' ({registry.name} expected): {dict(cfg)}")
    kind = arguments.pop('type')
    arguments.pop('_scope_', None)
    target = _find(kind, registry) if isinstance(kind, str) else kind
    known = accepted_arguments(target)
    if known is not None:
        for name in arguments.keys() - known:
            raise InputError(f'{target.__name__} has no argument {name!r}.{nearest(name, known)}')
    for parameter in _keywords(target):
        value = arguments.get(parameter.name)
        if isinstance(value, str) and _takes_numbers_only(parameter):
            raise InputError(f'{target.__name__}: {parameter.name}={value!r} is a text; it takes a number.')
    return target(**arguments)


def _takes_numbers_only(parameter: inspect.Parameter) -> bool:
    kinds = set(get_args(parameter.annotation) or [parameter.annotation])
    return kinds <= {int, float, bool, type(None)}


def _find(name: str, registry: Any) -> Callable:
    registry.import_from_location()
    level = registry
    while level is not None:
        if name in level.module_dict:
            return level.module_dict[name]
        level = level.parent
    raise InputError(
        f'{name!r} is not a known {registry.name}.{nearest(name, registry.module_dict)} '
        f'Known: {", ".join(sorted(registry.module_dict))}.'
    )


def _child(parent: engine.Registry, location: str) -> engine.Registry:
    return engine.Registry(parent.name, build_func=build, parent=parent, scope='mmseg', locations=[f'mmseg.{location}'])


MODELS = _child(engine.MODELS, 'models')
DATASETS = _child(engine.DATASETS, 'datasets')
TRANSFORMS = _child(engine.TRANSFORMS, 'datasets.pipelines')
HOOKS = _child(engine.HOOKS, 'engine')
PARAM_SCHEDULERS = _child(engine.PARAM_SCHEDULERS, 'engine')
