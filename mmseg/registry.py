"""The registries of this project: names in a config -> classes. Declared here and nowhere else.

Each is a child of the engine's registry of the same kind, so that the engine's own hooks, optimizers and
visualizer backends are found by name too. A registry imports the package that fills it only when a name is
looked up: ``import mmseg`` stays light.
"""

import contextlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_type_hints

from mmengine import registry as engine

from mmseg.config.values import fits, in_words, shown
from mmseg.errors import InputError, nearest


def import_submodules(package: str, path: Sequence[str]) -> None:
    """Import every module of ``package``, so that a new file registers what it defines by being there."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f'{package}.{module.name}')


def accepted_arguments(target: Callable) -> set[str] | None:
    """Names of the keyword arguments ``target`` takes, following ``**kwargs`` to the parent classes.

    None when any keyword is accepted (a function, or a class without parents, with ``**kwargs``).
    """
    names = {parameter.name for parameter in keywords(target)}
    open_ended = all(
        any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(constructor).parameters.values())
        for constructor in _constructors(target)
    )
    return None if open_ended else names


def required_arguments(target: Callable) -> list[str]:
    """Names of the arguments that ``target`` itself cannot do without; those of parent classes may come from it."""
    parameters = list(inspect.signature(_constructors(target)[0]).parameters.values()) if _constructors(target) else []
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one.name for one in parameters if one.kind in by_name and one.default is one.empty and one.name != 'self']


def keywords(target: Callable) -> Iterator[inspect.Parameter]:
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


def build(cfg: Mapping, registry: engine.Registry | None = None, default_args: dict | None = None) -> Any:
    """Build what ``cfg`` describes: ``type`` is a name in ``registry`` (or a class), the rest its arguments.

    Raises:
        InputError: no ``type``, a name that is not registered, or what :func:`check_arguments` finds.
    """
    if not isinstance(cfg, Mapping):
        raise InputError(f"{shown(cfg)} is no part of a config: that is a dict with a 'type'.")
    arguments = {**(default_args or {}), **cfg}
    if 'type' not in arguments:
        raise InputError(f"This part of the config has no 'type': {shown(dict(cfg))}")
    kind = arguments.pop('type')
    arguments.pop('_scope_', None)
    target = kind if callable(kind) else _find(kind, registry)
    check_arguments(target, {name: value for name, value in arguments.items() if name in cfg})
    missing = [name for name in required_arguments(target) if name not in arguments]
    if missing:
        raise InputError(f'{target.__name__} needs {", ".join(map(repr, missing))}.')
    return target(**arguments)


def check_arguments(target: Callable, arguments: Mapping[str, Any]) -> None:
    """Compare ``arguments`` of a config with names, types and ranges in the signature of ``target``.

    Raises:
        InputError: ``target`` has no such argument (the nearest valid name is told), or takes other values for it.
    """
    known = accepted_arguments(target)
    for name in arguments:
        if not isinstance(name, str):
            raise InputError(f'{target.__name__} has no argument {name!r}: names of arguments are texts.')
        if known is not None and name not in known:
            raise InputError(f'{target.__name__} has no argument {name!r}.{nearest(name, known)}')
    checked = set()
    for name, hint, default in _annotated(target):
        value = arguments.get(name, default)
        if name not in checked and value is not default and not fits(value, hint):
            raise InputError(f'{target.__name__}: {name}={shown(value)} does not fit: it takes {in_words(hint)}.')
        checked.add(name)


def _annotated(target: Callable) -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of each keyword of ``target`` that has a type which is known at run time."""
    hints: dict[str, Any] = {}
    for constructor in reversed(_constructors(target)):
        with contextlib.suppress(NameError, TypeError):  # a type that is imported for type checkers only
            hints |= get_type_hints(constructor, include_extras=True)
    for parameter in keywords(target):
        if parameter.name in hints:
            yield parameter.name, hints[parameter.name], parameter.default


def _find(name: Any, registry: Any) -> Callable:
    if not isinstance(name, str):
        raise InputError(f'type={shown(name)} is no name.')
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
