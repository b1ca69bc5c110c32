"""Texts of a config that become names of files and lines of scripts."""

import unicodedata
from typing import Any

MAX_BYTES = 200  # file systems take 255; a date, an ending and a few digits are added

# Unicode categories without a glyph: control characters (line breaks among them), halves of UTF-16 pairs, line and
# paragraph separators.
UNPRINTABLE = {'Cc', 'Cs', 'Zl', 'Zp'}


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
