"""What a user asks to have predicted: files, folders, globs, lists and videos, each with the name of its output."""

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from mmseg.datasets.files import IMAGE_ENDS, predictions_among, walk
from mmseg.errors import InputError

VIDEO_SUFFIXES = {'.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v'}
LIST_SUFFIX = '.txt'


class Source(NamedTuple):
    """A file to predict; ``name`` is its output below the output folder, without the kind's folder and suffix."""

    path: Path
    name: Path

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEO_SUFFIXES


class Found(NamedTuple):
    """A file, where it lies below what the user named, and whether that was the file itself."""

    path: Path
    relative: Path
    root: Path
    named: bool = False


def find_sources(wanted: Sequence[str | Path], *, skip_below: Sequence[Path] = ()) -> list[Source]:
    """Every file that ``wanted`` names, in order, each once.

    Args:
        wanted: image and video files, folders (searched with their tree; names that begin with a dot are left out),
            globs, and ``.txt`` lists of images, one path a line, relative to the current folder or to the list.
            Pictures that the demo has written beside images of a folder (``street_pred.png``), and folders of
            results in it, are left out.
        skip_below: folders whose files are results of an earlier prediction, and no images to predict unless they are
            named one by one.

    Raises:
        InputError: something is not there, a folder holds no images, or nothing is left.
    """
    below = {folder.resolve() for folder in skip_below}
    placed = [(entry.path.resolve(), entry) for text in wanted for entry in _found(str(text))]
    found = {path: entry for path, entry in placed if entry.named or below.isdisjoint(path.parents)}
    if not found:
        results = f' but results of earlier predictions ({placed[0][1].path})' if placed else ''
        raise InputError(f'There is nothing to predict in {", ".join(map(str, wanted))}{results}.')
    return _named(list(found.values()))


def _found(text: str) -> Iterable[Found]:
    path = Path(text)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return _of_list(path) if path.suffix.lower() == LIST_SUFFIX else [_single(path)]
    matches = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) else []
    if not matches:
        raise InputError(f'{text} does not exist: give image files, folders, globs, videos or a .txt list of images.')
    files = [match for match in map(Path, matches) if match.is_file() and _is_wanted(match)]
    return [Found(match, _below(match, _fixed_part(text)), _fixed_part(text)) for match in files]


def _in_folder(folder: Path) -> list[Found]:
    files = [path for path in sorted(map(Path, walk(folder))) if _is_wanted(path)]
    if not files:
        known = ', '.join(sorted(IMAGE_ENDS | VIDEO_SUFFIXES))
        raise InputError(f'Folder {folder} holds no images ({known}).')
    earlier = predictions_among([path.as_posix() for path in files], folder)
    return [Found(folder / path, path, folder) for path in files if path.as_posix() not in earlier]


def _of_list(path: Path) -> list[Found]:
    found = []
    for number, line in enumerate(path.read_text(encoding='utf-8-sig', errors='surrogateescape').splitlines(), 1):
        if not line.strip():
            continue
        name = Path(line.strip())
        file = next((file for file in (name, path.parent / name) if file.is_file()), None)
        if file is None:
            raise InputError(f'{path}, line {number}: there is no file {line.strip()!r}.')
        found.append(Found(file, Path(file.name) if name.is_absolute() else _inside(name), file.parent, named=True))
    if not found:
        raise InputError(f'{path} lists no images.')
    return found


def _single(path: Path) -> Found:
    return Found(path, Path(path.name), path.absolute().parent, named=True)


def _is_wanted(path: Path) -> bool:
    hidden = any(part.startswith('.') and part not in ('.', '..') for part in path.parts)
    return not hidden and path.suffix.lower() in IMAGE_ENDS | VIDEO_SUFFIXES


def _fixed_part(pattern: str) -> Path:
    """The folders of a glob before its first wildcard."""
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _below(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if folder in path.parents else Path(path.name)


def _inside(path: Path) -> Path:
    """A relative path that stays below the folder it is put into."""
    return Path(*(part for part in path.parts if part != '..'))


def _named(found: Sequence[Found]) -> list[Source]:
    """Names without suffix; where two would be one, with it; then with the folder's name before it, if that tells them
    apart; then numbered.
    """
    choices = [
        [entry.relative.with_suffix(''), entry.relative, Path(entry.root.absolute().name) / entry.relative]
        for entry in found
    ]
    names = [options[0] for options in choices]
    taken = Counter(map(_folded, names))
    names = [options[1] if taken[_folded(name)] > 1 else name for name, options in zip(names, choices, strict=True)]
    taken, alone = Counter(map(_folded, names)), Counter(_folded(options[2]) for options in choices)
    names = [
        options[2] if taken[_folded(name)] > 1 and alone[_folded(options[2])] == 1 else name
        for name, options in zip(names, choices, strict=True)
    ]
    seen: Counter[str] = Counter()
    sources = []
    for entry, name in zip(found, names, strict=True):
        seen[_folded(name)] += 1
        count = seen[_folded(name)]
        sources.append(Source(entry.path, name if count == 1 else name.with_name(f'{name.name}_{count}')))
    return sources


def _folded(name: Path) -> str:
    """A file system that takes a.jpg and A.JPG for one file must not lose one of them."""
    return name.as_posix().casefold()
