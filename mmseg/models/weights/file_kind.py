"""What a file that was taken for weights seems to be, and what would help."""

import zipfile
from pathlib import Path

from mmseg.models.weights.damage import ZIP_MAGIC

HEAD = 512
PICKLE = '/data.pkl'  # in every archive of torch.save
#: how files begin -> what they are
KINDS: tuple[tuple[bytes, str], ...] = (
    (b'version https://git-lfs', 'a pointer of Git LFS, not the file itself; fetch it with: git lfs pull'),
    (b'\x1f\x8b', 'a packed archive (gzip); unpack it first'),
    (b'\x89PNG', 'an image (PNG)'),
    (b'\xff\xd8\xff', 'an image (JPEG)'),
    (b'\x80', 'a file of pickled objects, not of weights, or one of torch before 1.6 that is damaged'),
    (b'{', 'a text file (JSON)'),
)


def seems_to_be(path: Path) -> str:
    """``it seems to be ...`` for an error message, from the first bytes of ``path``."""
    try:
        with path.open('rb') as file:
            head = file.read(HEAD)
    except OSError as error:
        return f'it cannot be read ({error.strerror})'
    if not head:
        return 'it is empty; copy or download it again'
    if head.lstrip().lower().startswith((b'<!doctype', b'<html')):
        return 'it seems to be a web page: what came instead of a download; download it again'
    for start, kind in (*KINDS, (ZIP_MAGIC, '')):
        if head.startswith(start):
            return f'it seems to be {kind or _archive(path)}'
    text = head.decode('utf-8', 'ignore')
    if text.isprintable() or (text and all(letter.isprintable() or letter.isspace() for letter in text)):
        return 'it seems to be a text file'
    return 'it begins like no file of weights; it is damaged, or another file'


def _archive(path: Path) -> str:
    """What a file that begins as a zip archive seems to be."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            whole = archive.testzip() is None
    except Exception:  # what a reader of archives stumbles over depends on what is damaged
        names, whole = [], False
    if not whole or not names:
        return 'a zip archive, as torch writes them, that is cut off or damaged; copy or download it again'
    if any(name.endswith(PICKLE) for name in names):
        return 'a file of torch that holds other Python objects than weights, which could run any code'
    return f'a zip archive of something else (it holds {names[0]!r}); unpack it, or take another file'
