"""Folders: every file below one, the one that holds others, and the way from it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def walk(folder: str | Path) -> Iterator[str]:
    """Every file below ``folder`` by its relative POSIX path; links to folders are followed, circles are not.

    Names that begin with a dot are left out, of files and of folders: thumbnails, resource forks, saved notebooks.
    One at a time: a folder may hold a million.
    """
    seen: set[str] = set()
    pending = ['']
    while pending:
        relative = pending.pop()
        current, above = os.path.join(folder, relative), f'{relative}/' if relative else ''
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        folders = []
        for entry in _entries(current):
            own = entry.name
            if own[0] == '.':
                continue
            if entry.is_file():
                yield above + own
            elif entry.is_dir():
                folders.append(above + own)
            elif entry.is_symlink():  # no pipes; a broken link is named where it is read
                yield above + own
        pending += reversed(folders)


def _entries(folder: str) -> Iterator[os.DirEntry]:
    """What lies in ``folder``; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def shared_folder(folders: Iterable[str | Path]) -> Path:
    """The folder that holds all of ``folders``; absolute where some are, or where they go up by ``..``."""
    listed = list(map(Path, folders))
    if len({path.is_absolute() for path in listed}) > 1 or any('..' in path.parts for path in listed):
        listed = [Path(os.path.abspath(path)) for path in listed]
    return Path(os.path.commonpath(listed))


def inside(path: str | Path, folder: Path) -> Path:
    """The way to ``path`` from the folder that :func:`shared_folder` gave for it and others: never up."""
    path = Path(path)
    if '..' in path.parts or not path.is_relative_to(folder):
        return Path(os.path.relpath(path, folder))
    return path.relative_to(folder)
