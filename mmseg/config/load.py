"""A config file and the overrides of a command line -> one complete config. The only reader of configs.

The file format is that of mmseg 0.x: a Python or JSON file with ``_base_`` (one or several, merged in order) and
``_delete_`` (do not merge this dict with the one of the base). What comes out is resolved, in today's spelling,
checked, and complete: nobody behind this module needs a default for a missing key.
"""

import ast
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmseg.config import legacy, schema
from mmseg.config.channels import with_channels
from mmseg.config.override import override
from mmseg.config.read import read_config
from mmseg.errors import InputError
from mmseg.places import home_expanded

logger = logging.getLogger(__name__)


def load_config(
    path: str | Path,
    cfg_options: dict[str, Any] | None = None,
    *,
    purpose: schema.Purpose = 'train',
    trust: bool = False,
) -> Config:
    """Read the config in ``path``, apply ``cfg_options``, and return it complete and checked.

    Args:
        path: a ``.py`` or ``.json`` config.
        cfg_options: overrides by dotted key, as :func:`parse_cfg_options` makes them; list elements are
            addressed by number (``data.test.pipeline.1.img_scale``).
        purpose: 'train' checks all of it; 'test' (evaluation, demo) only ``model`` and ``data.test``, so that
            configs saved by other versions stay usable.
        trust: a ``.json`` may run code as a ``.py`` does: its reader knows where it comes from.

    Raises:
        InputError: no such file, a mistake in it (with its line), an override that does not fit, an unknown key.
    """
    path = home_expanded(path)
    try:
        return _load(path, cfg_options or {}, purpose, trust)
    except RecursionError as error:
        raise InputError(f'{path}: its values are nested too deep, or contain themselves.') from error


def _load(path: Path, cfg_options: dict[str, Any], purpose: schema.Purpose, trust: bool) -> Config:
    raw = read_config(path, trust=trust, needs_imports=purpose == 'train')
    override(raw, cfg_options)
    values = _independent(raw.to_dict())
    try:
        schema.refuse_other_schemas(values)
        translation = legacy.modernise(values)
        if translation.refused and purpose == 'train':
            raise InputError(' '.join(translation.refused))
        values = schema.complete(values, name=path.stem, purpose=purpose)
        settled = with_channels(values)
        unused = translation.refused + schema.validate(values, purpose)
    except InputError as error:
        raise InputError(f'{path}: {error}') from error
    except (TypeError, AttributeError, KeyError, IndexError, OverflowError) as error:
        # rules across sections count on the form of values, which only the parts themselves can check
        raise InputError(f'{path}: a value is not of the kind that its place takes: {error}') from error
    if settled:
        logger.info('%s: %s.', path, settled)
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
        InputError: an option without ``=``, with nothing before it, or nested beyond reason.
    """
    parsed = {}
    for option in options or ():
        key, separator, value = option.partition('=')
        if not separator or not key.strip():
            raise InputError(f'--cfg-options takes KEY=VALUE (e.g. runner.max_iters=2), not {option!r}')
        try:
            parsed[key.strip()] = _parse_value(value)
        except RecursionError as error:
            raise InputError(f'--cfg-options {key}: its value is nested too deep.') from error
    return parsed


def _parse_value(text: str) -> Any:
    text = text.strip()
    words = {'true': True, 'false': False, 'none': None}
    if text.lower() in words:
        return words[text.lower()]
    with contextlib.suppress(ValueError, SyntaxError, TypeError, MemoryError):
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


def _independent(value: Any) -> Any:
    """A copy in which no two places share a dict, and ``_delete_`` marks that met no base are gone."""
    if isinstance(value, dict):
        return {key: _independent(item) for key, item in value.items() if key != '_delete_'}
    if isinstance(value, list | tuple):
        items = [_independent(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value
