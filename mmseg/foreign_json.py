"""JSON of other people: logs, configs, indices. Whatever a file holds, it is read or refused, never a traceback."""

import json
import math
import re
from typing import Any

#: deeper than anything that is written here, and shallow enough for every function that walks through a value
MAX_DEPTH = 100
MAX_DIGITS = 300  # of a whole number; more than a float can hold counts as infinite
HALF_A_PAIR = re.compile('[\ud800-\udfff]')


def parse_json(text: str) -> Any:
    r"""The value of a JSON text.

    Whole numbers of more than 300 digits become infinite, as 1e999 does. Halves of UTF-16 pairs (``\ud800``), which
    no file can be written with, become U+FFFD.

    Raises:
        json.JSONDecodeError: it is no JSON, or is nested more than 100 deep.
    """
    try:
        value = json.loads(text, parse_int=_whole_number)
    except RecursionError:
        raise json.JSONDecodeError(f'nested more than {MAX_DEPTH} deep', text, 0) from None
    if _depth(value) > MAX_DEPTH:
        raise json.JSONDecodeError(f'nested more than {MAX_DEPTH} deep', text, 0)
    return _writable(value) if '\\u' in text or not text.isascii() else value


def dump_json(value: Any, **options: Any) -> str:
    """``value`` as JSON that every reader takes: NaN and infinities are null, halves of UTF-16 pairs are U+FFFD."""
    return json.dumps(_writable(value, finite=True), allow_nan=False, **options)


def writable_text(text: str) -> str:
    """``text`` with U+FFFD for each half of a UTF-16 pair, which UTF-8 has no bytes for."""
    return HALF_A_PAIR.sub('\ufffd', text)


def _whole_number(digits: str) -> int | float:
    if len(digits) <= MAX_DIGITS:
        return int(digits)
    return -math.inf if digits.startswith('-') else math.inf


def _depth(value: Any) -> int:
    """Levels of lists and objects, counted without recursion."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _writable(value: Any, *, finite: bool = False) -> Any:
    if isinstance(value, str):
        return writable_text(value)
    if isinstance(value, dict):
        return {
            _writable(key) if isinstance(key, str) else key: _writable(item, finite=finite)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_writable(item, finite=finite) for item in value]
    return None if finite and isinstance(value, float) and not math.isfinite(value) else value
