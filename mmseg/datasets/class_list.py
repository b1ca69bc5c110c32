"""Names and colours of classes from a file that a user has."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

from mmseg.errors import InputError

COLOUR_COLUMNS = ('r', 'g', 'b')


class NamedClass(NamedTuple):
    """A class of the label files; ``colour`` is RGB, 0..255, or None."""

    value: int
    name: str
    colour: tuple[int, int, int] | None


def read_classes(path: Path, option: str = '--classes') -> list[NamedClass]:
    """The classes in a file that ``option`` names: text (a name a line, values from 0 on), CSV or JSON.

    CSV has a header with ``id`` and ``name``, perhaps ``r``, ``g``, ``b``; JSON is a list of objects with ``id`` and
    ``name``, perhaps ``color`` [r, g, b], or one object of name by id.

    Raises:
        InputError: the file is missing or is none of these.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{option} {path} cannot be read: {error}.') from None
    readers = {'.csv': _from_csv, '.json': _from_json}
    try:
        found = readers.get(path.suffix.lower(), _from_lines)(text)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f'{option} {path} is no list of classes ({type(error).__name__}: {error}): give a text file of a name a '
            'line, CSV with the columns id,name[,r,g,b], or JSON like [{"id": 0, "name": "road", "color": [9, 9, 9]}].'
        ) from None
    if not found or len({entry.value for entry in found}) != len(found):
        raise InputError(f'{option} {path} has to name every class once, with an id of its own.')
    return sorted(found)


def _from_lines(text: str) -> list[NamedClass]:
    names = [line.strip() for line in text.splitlines() if line.strip()]
    return [NamedClass(value, name, None) for value, name in enumerate(names)]


def _from_csv(text: str) -> list[NamedClass]:
    rows = [
        {str(key).strip().lower(): value for key, value in row.items()} for row in csv.DictReader(text.splitlines())
    ]
    return [
        NamedClass(
            int(row['id']),
            str(row['name']).strip(),
            _colour([row[column] for column in COLOUR_COLUMNS if column in row]),
        )
        for row in rows
    ]


def _from_json(text: str) -> list[NamedClass]:
    content: Any = json.loads(text)
    if isinstance(content, dict):
        return [NamedClass(int(value), str(name), None) for value, name in content.items()]
    return [NamedClass(int(entry['id']), str(entry['name']), _colour(entry.get('color', []))) for entry in content]


def _colour(values: list[Any]) -> tuple[int, int, int] | None:
    if not values:
        return None
    r, g, b = map(int, values)
    if not all(0 <= value <= 255 for value in (r, g, b)):
        raise ValueError(f'colour {(r, g, b)}')
    return r, g, b
