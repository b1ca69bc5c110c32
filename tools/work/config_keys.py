"""The page docs/config_keys.md, from constructors and their docstrings."""

import inspect
import re
from collections.abc import Callable, Iterator

from mmseg import registry
from mmseg.config import schema
from mmseg.config.values import in_words

REGISTRIES = {
    'Networks, losses and methods': (registry.MODELS, 'model, uda'),
    'Data sets': (registry.DATASETS, 'data'),
    'Steps of a pipeline': (registry.TRANSFORMS, 'data.train.pipeline'),
}


def page() -> str:
    """The page, in Markdown."""
    parts = ['# Every config key', 'Written by `python -m tools.config_keys`. What has no default (—) has to be given.']
    parts += ['## The top level', '\n'.join(_top_level())]
    for title, (kinds, where) in REGISTRIES.items():
        parts += [f'## {title}', f'As `dict(type=NAME, ...)` under `{where}`.']
        kinds.import_from_location()
        own = {name: kind for name, kind in kinds.module_dict.items() if kind.__module__.startswith('mmseg.')}
        for name in sorted(own):
            parts += list(section(name, own[name]))
    return '\n\n'.join(parts) + '\n'


def _top_level() -> Iterator[str]:
    yield '| key | default |'
    yield '| --- | --- |'
    for key, value in sorted(schema.DEFAULTS.items()):
        yield f'| `{key}` | `{_cell(repr(value))}` |'


def section(name: str, kind: Callable) -> Iterator[str]:
    """Name, first sentence, and a table of the arguments of ``kind``."""
    yield f'### {name}'
    yield inspect.cleandoc(kind.__doc__ or '').split('\n\n')[0]
    told = documented(kind)
    rows = []
    for argument in registry.keywords(kind):
        cells = argument.name, _cell(_annotation(argument)), _default(argument), told.get(argument.name, '')
        rows.append(f'| `{cells[0]}` | {cells[1]} | {cells[2]} | {_cell(cells[3])} |')
    if rows:
        yield '\n'.join(['| argument | type | default | |', '| --- | --- | --- | --- |', *rows])


def documented(kind: Callable) -> dict[str, str]:
    """What the docstrings of ``kind`` and its parents say of each argument, in their section ``Args:``."""
    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__ if inspect.isclass(kind) else [kind]):
        found |= dict(_arguments(inspect.cleandoc(cls.__doc__ or '')))
    return found


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    _, _, below = text.partition('Args:\n')
    name, said = '', ''
    for line in below.splitlines():
        if line and not line.startswith(' '):  # the next section
            break
        start = re.match(r'^    (\*{0,2}\w+): (.*)$', line)
        if start:
            if name:
                yield name, said
            name, said = start[1].lstrip('*'), start[2]
        else:
            said = f'{said} {line.strip()}'.strip()
    if name:
        yield name, said


def _annotation(parameter: inspect.Parameter) -> str:
    return '' if parameter.annotation is parameter.empty else in_words(parameter.annotation)


def _default(parameter: inspect.Parameter) -> str:
    return '—' if parameter.default is parameter.empty else f'`{_cell(repr(parameter.default))}`'


def _cell(text: str) -> str:
    return text.replace('|', '\\|').replace('\n', ' ')
