"""A config file and the overrides of a command line -> one complete config. The only reader of configs.

The file format is that of mmseg 0.x: a Python or JSON file with ``_base_`` (one or several, merged in order) and
``_delete_`` (do not merge this dict with the one of the base). What comes out is resolved, in today's spelling,
checked, and complete: nobody behind this module needs a default for a missing key.
"""

import ast
import contextlib
import difflib
import json
import logging
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmseg.config import legacy, schema
from mmseg.errors import InputError

logger = logging.getLogger(__name__)

SHIPPED_CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def load_config(
    path: str | Path, cfg_options: dict[str, Any] | None = None, *, purpose: schema.Purpose = 'train'
) -> Config:
    """Read the config in ``path``, apply ``cfg_options``, and return it complete and checked.

    Args:
        path: a ``.py`` or ``.json`` config.
        cfg_options: overrides by dotted key, as :func:`parse_cfg_options` makes them; list elements are
            addressed by number (``data.test.pipeline.1.img_scale``).
        purpose: 'train' checks all of it; 'test' (evaluation, demo) only ``model`` and ``data.test``, so that
            configs saved by other versions stay usable.

    Raises:
        InputError: no such file, a mistake in it (with its line), an override that does not fit, an unknown key.
    """
    path = _existing(Path(path).expanduser())
    raw = _read(path)
    if cfg_options:
        _override(raw, cfg_options)
    values = _independent(raw.to_dict())
    try:
        translation = legacy.modernise(values)
        if translation.refused and purpose == 'train':
            raise InputError(' '.join(translation.refused))
        values = schema.complete(values, name=path.stem)
        unused = translation.refused + schema.validate(values, purpose)
    except InputError as error:
        raise InputError(f'{path}: {error}') from error
    if translation.notes:
        logger.warning('%s: old spellings translated: %s', path, '; '.join(translation.notes))
    if unused:
        logger.warning('%s: not used here: %s', path, ' '.join(unused))
    return Config(values, cfg_text=raw.text, filename=str(path))


def parse_cfg_options(options: Sequence[str] | None) -> dict[str, Any]:
    """``['a.b=1', 'c=[1,x]', 'd=(3,4)', 'e=True', 'f="text"']`` -> ``{'a.b': 1, 'c': [1, 'x'], ...}``.

    Values are Python literals; ``true``/``false``/``none`` in any case and unquoted words (alone, or inside
    brackets) are understood too, since shells eat quotes.

    Raises:
        InputError: an option without ``=`` or with nothing before it.
    """
    parsed = {}
    for option in options or ():
        key, separator, value = option.partition('=')
        if not separator or not key.strip():
            raise InputError(f'--cfg-options takes KEY=VALUE (e.g. runner.max_iters=2), not {option!r}')
        parsed[key.strip()] = _parse_value(value)
    return parsed


def _parse_value(text: str) -> Any:
    text = text.strip()
    words = {'true': True, 'false': False, 'none': None}
    if text.lower() in words:
        return words[text.lower()]
    with contextlib.suppress(ValueError, SyntaxError):
        value = ast.literal_eval(text)
        return list(value) if isinstance(value, tuple) and not text.startswith('(') else value
    if text[:1] + text[-1:] in ('[]', '()'):
        elements = [_parse_value(part) for part in _split_at_commas(text[1:-1])]
        return tuple(elements) if text.startswith('(') else elements
    parts = _split_at_commas(text)
    return [_parse_value(part) for part in parts] if len(parts) > 1 else text


def _split_at_commas(text: str) -> list[str]:
    """Split at the commas that are in no bracket; a last empty part (trailing comma) is left out."""
    parts, depth = [''], 0
    for character in text:
        depth += (character in '([{') - (character in ')]}')
        if character == ',' and depth == 0:
            parts.append('')
        else:
            parts[-1] += character
    return [part for i, part in enumerate(parts) if part.strip() or i + 1 < len(parts)]


def _existing(path: Path) -> Path:
    if path.is_dir():
        raise InputError(f'{path} is a folder; a config file (.py or .json) is needed.')
    if not path.is_file():
        raise InputError(f'Config not found: {path}.{_near_files(path)}')
    if path.suffix not in ('.py', '.json'):
        raise InputError(f'{path}: a config is a .py or a .json file.')
    return path


def _near_files(path: Path) -> str:
    """Configs whose names are like the one that was not found: first beside it, then among the shipped ones."""
    for folder, pattern in ((path.parent, '*'), (SHIPPED_CONFIGS, '**/*')):
        files = [file for file in sorted(folder.glob(pattern)) if file.suffix in ('.py', '.json')]
        names = difflib.get_close_matches(path.name, [file.name for file in files], n=3, cutoff=0.6)
        near = [str(file) for file in files if file.name in names]
        if near:
            return f' Did you mean {" or ".join(near)}?'
    return ''


def _read(path: Path) -> Config:
    files = list(_chain(path))
    try:
        with _with_bases_in_place(path) as readable:
            return Config.fromfile(readable, lazy_import=False)
    except Exception as error:  # a config is the user's code: whatever it raises is to be told with its place
        place = _place(error, files)
        if place is None and isinstance(error, ImportError):
            raise InputError(
                f'{path}: custom_imports: {_told(_origin(error))}. PYTHONPATH has to name the folder of the modules.'
            ) from error
        raise InputError(f'{place or path}: {_told(error)}') from error


def _told(error: BaseException) -> str:
    return f'{type(error).__name__}: {error.args[0] if error.args else type(error).__name__}'


def _origin(error: BaseException) -> BaseException:
    """What an imported module ran into; the engine says only that the import failed."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def _chain(path: Path, wanted_by: tuple[Path, ...] = ()) -> Iterator[Path]:
    """``path`` and all its bases, each checked to be there and to be readable as Python or JSON."""
    if not path.is_file():
        raise InputError(f'{wanted_by[-1]}: its base {path} does not exist.{_near_files(path)}')
    if path.resolve() in wanted_by:
        raise InputError(f'{path} is among its own bases: {" -> ".join(map(str, wanted_by))}')
    try:
        text = path.read_text(encoding='utf-8')
        bases = _bases_of_json(text) if path.suffix == '.json' else _bases_of_python(text, path)
    except SyntaxError as error:
        raise InputError(f'{path}, line {error.lineno}: {error.msg}: {(error.text or "").strip()}') from error
    except json.JSONDecodeError as error:
        raise InputError(f'{path}, line {error.lineno}: {error.msg}') from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path} is not a text file in UTF-8: {error.reason} at byte {error.start}') from error
    yield path
    for base in bases:
        yield from _chain(_find_base(base, path), (*wanted_by, path.resolve()))


def _bases_of_python(text: str, path: Path) -> list[str]:
    for statement in ast.parse(text, filename=str(path)).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == '_base_':
            with contextlib.suppress(ValueError):  # an expression: its files are checked when they are read
                return _as_list(ast.literal_eval(statement.value))
    return []


def _bases_of_json(text: str) -> list[str]:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise json.JSONDecodeError('a config is an object, {"model": ...}', text, 0)
    return _as_list(values.get('_base_', []))


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _find_base(base: str, path: Path) -> Path:
    """Where ``base`` of the config ``path`` lies: relative to it, as everywhere.

    JSON configs are written by commands and get moved or downloaded with their work directory; their bases are
    then looked up below ``configs/``.
    """
    beside = path.parent / base
    if path.suffix != '.json' or beside.is_file():
        return beside
    below_configs = [part for part in Path(base.replace('\\', '/')).parts if part not in ('..', 'configs')]
    for root in (Path('configs'), SHIPPED_CONFIGS):
        if (found := root.joinpath(*below_configs)).is_file():
            return found.resolve()
    return beside


@contextlib.contextmanager
def _with_bases_in_place(path: Path) -> Iterator[Path]:
    """``path``, or a copy of a JSON config that names its bases where they really are."""
    bases = _bases_of_json(path.read_text(encoding='utf-8')) if path.suffix == '.json' else []
    if all((path.parent / base).is_file() for base in bases):
        yield path
        return
    values = json.loads(path.read_text(encoding='utf-8'))
    values['_base_'] = [str(_find_base(base, path)) for base in bases]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(json.dumps(values), encoding='utf-8')
        yield copy


def _place(error: BaseException, files: Sequence[Path]) -> str | None:
    """``file, line N`` of the innermost config that was being executed."""
    known = {str(file.resolve()) for file in files}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if str(Path(frame.filename).resolve()) in known:
            return f'{frame.filename}, line {frame.lineno}'
    return None


def _override(cfg: Config, options: dict[str, Any]) -> None:
    for key, value in options.items():
        try:
            _open_section(cfg, key)
            cfg.merge_from_dict({key: value})
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise InputError(f'{cfg.filename}: the override {key}={value!r} does not fit: {error}') from error


def _open_section(cfg: Config, key: str) -> None:
    """Make the section that ``key`` goes into a dict where the file says None (``optimizer_config = None``)."""
    section = key.partition('.')[0]
    if section != key and cfg.get(section, {}) is None:
        cfg[section] = {}


def _independent(value: Any) -> Any:
    """A copy in which no two places share a dict, and ``_delete_`` marks that met no base are gone."""
    if isinstance(value, dict):
        return {key: _independent(item) for key, item in value.items() if key != '_delete_'}
    if isinstance(value, list | tuple):
        return type(value)(_independent(item) for item in value)
    return value
