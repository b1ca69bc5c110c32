"""Text files that users write by hand: class names, names of images."""

from pathlib import Path

from mmseg.errors import InputError


def lines_of(path: str | Path, what: str) -> list[str]:
    """The lines of a text file without the white space around them; empty ones and a byte order mark are left out.

    Raises:
        InputError: it is no text in UTF-8; ``what`` is what the message calls the file.
    """
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise InputError(
            f'{what} {str(path)!r} is no text in UTF-8 ({error.reason} at byte {error.start}): save it as that.'
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]
