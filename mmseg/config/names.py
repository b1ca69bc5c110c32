"""Texts of a config that become names of files and lines of scripts, and what own data are called."""

import unicodedata
from pathlib import PurePosixPath
from typing import Any

MAX_BYTES = 200  # file systems take 255; a date, an ending and a few digits are added

# Unicode categories without a glyph: control characters (line breaks among them), halves of UTF-16 pairs, line and
# paragraph separators.
UNPRINTABLE = {'Cc', 'Cs', 'Zl', 'Zp'}

TOLD = 3  # folders that tell own data of several projects apart: city/night/images


def own_data_name(data_root: Any, img_dir: str) -> str:
    """What data of a user are called: the first folder below their root; without a root, or in it, the last three.

    '' where neither says a folder.
    """
    parts = _folders(img_dir)
    if data_root and parts and not img_dir.startswith('/'):
        return parts[0]
    return '/'.join((parts or _folders(str(data_root or '')))[-TOLD:])


def _folders(path: str) -> list[str]:
    return [part for part in PurePosixPath(path.replace('\\', '/')).parts if part not in ('/', '.', '..')]


def unprintable(text: str) -> bool:
    """Whether a character of ``text`` ends its line or controls the terminal."""
    return any(unicodedata.category(character) in UNPRINTABLE for character in text)


def unfit_as_name(value: Any) -> str:
    """Why ``value`` can be no file name, or part of one, below a folder of ours; '' if it can."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return 'it has to be a text'
    text = str(value)
    reasons = {
        'it is empty': not text.strip(),
        'it holds a line break or another control character': unprintable(text),
        'it would name a file in another folder': '/' in text or '\\' in text or text in ('.', '..'),
        f'it is longer than {MAX_BYTES} bytes': len(text.encode(errors='replace')) > MAX_BYTES,
    }
    return next((reason for reason, applies in reasons.items() if applies), '')
