"""Archives of other people unpacked so that nothing is written outside of one folder."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from mmseg.errors import InputError
from mmseg.places import make_folder
from mmseg.writing import naming_full_disk, scratch_folder

#: weights and images hardly shrink when they are packed
MOST_TIMES = 20
LEAST_ALLOWED = 2**24  # bytes, that small archives of texts may have in any case


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a tar archive into ``folder``; returns what is new in it.

    Only files and folders are unpacked, as new files of the user. They appear in ``folder`` when all are complete.

    Raises:
        InputError: the archive is damaged, wants to write elsewhere, holds links or devices, is far
            larger unpacked, or would replace a file.
    """
    with scratch_folder(folder / archive.name) as scratch:
        try:
            most = max(LEAST_ALLOWED, MOST_TIMES * archive.stat().st_size)
            with tarfile.open(archive) as tar:
                for member in tar:
                    most -= member.size
                    if most < 0:
                        raise InputError(f'{archive} is not to be trusted: it unpacks to {MOST_TIMES} times its size.')
                    _extract(tar, member, scratch, archive)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise InputError(f'{archive} cannot be unpacked: {error}. Delete it and download it again.') from error
        new = [folder / part.name for part in sorted(scratch.iterdir())]
        for path in new:
            if path.exists():
                raise InputError(f'{archive} would replace {path}; move that away first.')
        for path in new:
            (scratch / path.name).replace(path)
    return new


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    readings = PurePosixPath(member.name), PureWindowsPath(member.name)
    outside = any(name.is_absolute() or name.drive or '..' in name.parts for name in readings)
    if outside or not (member.isfile() or member.isdir()):
        raise InputError(f'{archive} is not to be trusted: {member.name!r} is no plain file within a folder.')
    path = folder / member.name
    if member.isdir():
        make_folder(path)
        return
    make_folder(path.parent)
    content = tar.extractfile(member)
    if content is not None:
        with naming_full_disk(path, needed=member.size), path.open('wb') as file:
            shutil.copyfileobj(content, file)
