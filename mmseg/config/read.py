"""Config files with their bases -> one config, before anything is completed or checked.

A ``.py`` config is code and is run. A ``.json`` config is data, which work directories hold and people pass on: it runs
nothing and reads nothing of its reader's environment. Its bases are JSON files or configs that come with the code.
"""

import ast
import difflib
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from mmseg.errors import InputError
from mmseg.foreign_json import parse_json

logger = logging.getLogger(__name__)

_PACKAGE = Path(__file__).resolve().parents[1]
WITH_THE_CODE = not (_PACKAGE / 'configs').is_dir()
"""Whether this is a checkout, with ``configs/`` beside the package; an installed wheel has it inside."""
SHIPPED_CONFIGS = (_PACKAGE.parent if WITH_THE_CODE else _PACKAGE) / 'configs'
BASE, IMPORTS = '_base_', 'custom_imports'


def read_config(path: Path, *, trust: bool = False, needs_imports: bool = True) -> Config:
    """What ``path`` and its bases say together.

    Args:
        path: a ``.py`` or ``.json`` file.
        trust: the file is the reader's own: ``custom_imports`` of a ``.json`` are imported, and its bases may be any
            ``.py`` files.
        needs_imports: whether ``custom_imports`` of a ``.json`` that must not be imported are an error.

    Raises:
        InputError: no such file, or a mistake in it or in a base, with its place; a ``.json`` that would run code.
        RecursionError: its values contain themselves.
    """
    path = existing(path)
    files = list(_chain(path, trust=trust))
    try:
        if path.suffix == '.py':
            return Config.fromfile(path, lazy_import=False)
        values = _values_of_json(path, trust=trust)
        import_modules(values.get(IMPORTS), path, trust=trust, needed=needs_imports)
        return Config(values, cfg_text=path.read_text(encoding='utf-8'), filename=str(path))
    except (InputError, RecursionError):
        raise
    except Exception as error:  # a config is the user's code: whatever it raises is to be told with its place
        place = _place(error, files)
        if place is None and isinstance(error, ImportError):
            raise InputError(
                f'{path}: custom_imports: {_told(_origin(error))}. PYTHONPATH has to name the folder of the modules.'
            ) from error
        raise InputError(f'{place or path}: {_told(error)}') from error


def existing(path: Path) -> Path:
    """``path``, if it is a file that can be a config; else the config of that name which comes with the code.

    ``daformer/NAME`` is ``configs/daformer/NAME.py`` from any folder.

    Raises:
        InputError: it is not; with names of files that are like it.
    """
    try:
        if path.is_dir():
            raise InputError(f'{path} is a folder; a config file (.py or .json) is needed.')
        found = path.is_file()
    except OSError as error:  # a name that no file can have
        raise InputError(f'Config {str(path)[:80]!r}: {error.strerror}.') from error
    if not found:
        shipped = shipped_config(path)
        if shipped is None:
            raise InputError(f'Config not found: {path}.{_near_files(path)}')
        return shipped
    if path.suffix not in ('.py', '.json'):
        raise InputError(f'{path}: a config is a .py or a .json file.')
    return path


def shipped_config(path: Path) -> Path | None:
    """The config that comes with the code under the name ``path``, which may begin with configs/ or leave out .py."""
    if path.is_absolute() or '..' in path.parts:
        return None
    below = Path(*path.parts[1:]) if path.parts[:1] == ('configs',) else path
    names = [below, below.with_name(f'{below.name}.py')] if below.name else []
    return next((SHIPPED_CONFIGS / name for name in names if _is_file(SHIPPED_CONFIGS / name)), None)


def as_base(config: Path, file: Path) -> str:
    """How the config ``file`` names ``config`` as its base: relative to itself, where there is such a way."""
    try:
        return Path(os.path.relpath(config.resolve(), file.resolve().parent)).as_posix()
    except ValueError:  # another drive
        return config.resolve().as_posix()


def _near_files(path: Path) -> str:
    """Configs whose names are like the one that was not found: first beside it, then among the shipped ones."""
    for folder, pattern in ((path.parent, '*'), (SHIPPED_CONFIGS, '**/*')):
        files = [file for file in sorted(folder.glob(pattern)) if file.suffix in ('.py', '.json')]
        names = difflib.get_close_matches(path.stem, [file.stem for file in files], n=3, cutoff=0.6)
        shown = SHIPPED_CONFIGS if folder == SHIPPED_CONFIGS else None
        near = [str(file.relative_to(shown) if shown else file) for file in files if file.stem in names]
        if near:
            return f' Did you mean {" or ".join(near)}?'
    return ''


def _told(error: BaseException) -> str:
    return f'{type(error).__name__}: {error.args[0] if error.args else type(error).__name__}'


def _origin(error: BaseException) -> BaseException:
    """What an imported module ran into; the engine says only that the import failed."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def _chain(path: Path, wanted_by: tuple[Path, ...] = (), *, trust: bool) -> Iterator[Path]:
    """``path`` and all its bases, each checked to be there and to be readable as Python or JSON."""
    if not _is_file(path):
        raise InputError(f'{wanted_by[-1]}: its base {str(path)[:200]} does not exist.{_near_files(path)}')
    if path.resolve() in wanted_by:
        raise InputError(f'{path} is among its own bases: {" -> ".join(map(str, wanted_by))}')
    data = path.suffix == '.json'
    bases = _bases_of_json(_read_json(path), path) if data else _bases_of_python(path)
    if data and wanted_by and wanted_by[-1].suffix == '.py':
        _refuse_as_base_of_code(path, trust=trust)
    yield path
    for base in bases:
        yield from _chain(_find_base(base, path, trust=trust), (*wanted_by, path.resolve()), trust=trust)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise InputError(f'{path} is not a text file in UTF-8: {error.reason} at byte {error.start}') from error


def _bases_of_python(path: Path) -> list[str]:
    try:
        statements = ast.parse(_text(path), filename=str(path)).body
    except SyntaxError as error:
        raise InputError(f'{path}, line {error.lineno}: {error.msg}: {(error.text or "").strip()}') from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f'{path} cannot be read as Python: {error or "nested too deep"}') from error
    for statement in statements:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == BASE:
            try:
                names = ast.literal_eval(statement.value)
            except ValueError:  # an expression: its files are checked when they are read
                return []
            return _file_names(names, path)
    return []


def _read_json(path: Path) -> dict[str, Any]:
    """The values in a JSON config, without those of its bases."""
    text = _text(path)
    try:
        values = parse_json(text)
        if not isinstance(values, dict):
            raise json.JSONDecodeError('a config is an object, {"model": ...}', text, 0)
    except json.JSONDecodeError as error:
        raise InputError(f'{path}, line {error.lineno}: {error.msg}') from error
    return values


def _bases_of_json(values: dict[str, Any], path: Path) -> list[str]:
    return _file_names(values.get(BASE, []), path)


def _file_names(value: Any, path: Path) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InputError(f'{path}: _base_ has to be the name of a config, or a list of names, not {value!r}.')
    return list(names)


def _find_base(base: str, path: Path, *, trust: bool) -> Path:
    """Where ``base`` of the config ``path`` lies: relative to it, as everywhere.

    JSON configs are written by commands and get moved or downloaded with their work directory; their bases are
    then looked up below ``configs/``.

    Raises:
        InputError: ``path`` is a JSON file from elsewhere, and its base would be run.
    """
    beside = path.parent / base
    if path.suffix != '.json':
        return beside
    if not _is_file(beside):
        below_configs = [part for part in Path(base.replace('\\', '/')).parts if part not in ('..', 'configs')]
        for root in (Path('configs'), SHIPPED_CONFIGS):
            if _is_file(found := root.joinpath(*below_configs)):
                beside = found.resolve()
                break
    if _is_file(beside) and beside.suffix != '.json' and not trust and not _is_shipped(beside):
        raise InputError(
            f'{path}: its base {beside} is code, and a .json config runs only configs that come with the code '
            f'({SHIPPED_CONFIGS}). If both are yours, give --trust, or make the config a .py file.'
        )
    return beside


def _is_shipped(path: Path) -> bool:
    return path.resolve().is_relative_to(SHIPPED_CONFIGS)


def _values_of_json(path: Path, *, trust: bool) -> dict[str, Any]:
    """The values of a JSON config, merged into those of its bases by the rules of Python configs."""
    values = _read_json(path)
    if '{{' in _text(path):
        logger.warning('%s: {{...}} is text: a .json config is not filled in from anywhere.', path)
    below: dict[str, Any] = {}
    for base in (_find_base(name, path, trust=trust) for name in _bases_of_json(values, path)):
        if base.suffix == '.json':
            part = _values_of_json(base, trust=trust)
        else:
            part = Config.fromfile(base, lazy_import=False).to_dict()
        twice = below.keys() & part.keys()
        if twice:
            raise InputError(f'{path}: Duplicate key among its bases: {", ".join(sorted(twice))}.')
        below |= part
    own = {key: value for key, value in values.items() if key != BASE and not key.startswith('__')}
    return Config._merge_a_into_b(own, below)


def import_modules(wanted: Any, path: Path, *, trust: bool, needed: bool) -> None:
    """Import what ``custom_imports`` of a JSON config names, if that may be; what is loaded already does no harm.

    Raises:
        InputError: it is of another form, or ``needed`` and not to be trusted.
    """
    if not wanted:
        return
    names = wanted.get('imports') if isinstance(wanted, dict) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: custom_imports has to be dict(imports=['module']), not {wanted!r}.")
    if trust:
        import_modules_from_strings(list(names), allow_failed_imports=bool(wanted.get('allow_failed_imports')))
    elif not sys.modules.keys() >= set(names):
        told = f'custom_imports {names} would run code, which a .json config may not; --trust allows it'
        if needed:
            raise InputError(f'{path}: {told}, if the config is yours.')
        logger.warning('%s: %s. They are not imported.', path, told)


def _refuse_as_base_of_code(path: Path, *, trust: bool) -> None:
    """Refuse a JSON base of a ``.py`` config that the engine would do more with than read it."""
    if trust:
        return
    if IMPORTS in _read_json(path) or '{{' in _text(path):
        raise InputError(
            f'{path}: a .json that is the base of a .py config has no custom_imports and no {{{{...}}}}: it is data. '
            'Move them to the .py.'
        )


def _place(error: BaseException, files: Sequence[Path]) -> str | None:
    """``file, line N`` of the innermost config that was being executed."""
    known = {str(file.resolve()) for file in files}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if str(Path(frame.filename).resolve()) in known:
            return f'{frame.filename}, line {frame.lineno}'
    return None
