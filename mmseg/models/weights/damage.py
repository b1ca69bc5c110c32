"""Whether the bytes of a weight or state file are those that were written."""

import zipfile
from pathlib import Path

ZIP_MAGIC = b'PK\x03\x04'
CHUNK = 2**22


def is_torch_archive(path: Path) -> bool:
    """Whether a file begins as those of ``torch.save`` do: with the first entry of a zip archive."""
    with path.open('rb') as file:
        return file.read(len(ZIP_MAGIC)) == ZIP_MAGIC


def damage_of(path: Path) -> str | None:
    """What is wrong with the bytes of ``path``, in a few words; None if nothing is, or nothing can be known.

    ``torch.save`` writes a zip archive with a CRC-32 of every entry, which ``torch.load`` does not look at: weights
    with a flipped bit would be trained on. Files of torch before 1.6 and of safetensors have no checksum. An entry
    that was written without one (``torch.serialization.set_crc32_options``) has 0 there and is passed over.
    """
    try:
        if not path.stat().st_size:
            return 'it is empty'
        return _damage_of_archive(path) if is_torch_archive(path) else None
    except OSError as error:
        return f'it cannot be read ({error.strerror})'


def _damage_of_archive(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.file_size > path.stat().st_size:  # torch packs nothing: it would fill the memory
                    return f'its part {entry.filename} would unpack to more than the whole file'
                if entry.CRC:
                    with archive.open(entry) as content:
                        while content.read(CHUNK):
                            pass
    except OSError:
        raise
    except zipfile.BadZipFile as error:
        if 'CRC' in str(error):
            return f'the checksum of its part {entry.filename} is wrong'
        return 'it is cut off or overwritten'
    except Exception as error:  # what a reader of archives stumbles over depends on the bit that is wrong
        return f'it is overwritten ({type(error).__name__})'
    return None
