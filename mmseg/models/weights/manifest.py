"""Published weights by name: where their files are to be had, and where they belong."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmseg.errors import InputError, nearest
from mmseg.models.weights.download import Source

MANIFEST = Path(__file__).with_name('manifest.json')
PRETRAINED_DIR = Path('pretrained')
HTTP = ('http://', 'https://')
OPEN_MMLAB = ('open-mmlab://', 'openmmlab://')
#: two hosts of the same files
OPEN_MMLAB_HOSTS = ('https://mmassets.onedl.ai/', 'https://download.openmmlab.com/')


@dataclass(frozen=True)
class WeightFile:
    """One row of the manifest.

    Args:
        name: what ``mmseg download`` calls it.
        file: name of the file, or of the folder that an archive unpacks to.
        what: network and training data, in words.
        sources: places to get it from, best first. Their files may be laid out differently; loading translates.
        megabytes: about how large it is; None where unknown.
        licence: of the weights.
        used_by: patterns of the paths of configs that start from it.
        folder: where it belongs.
        archive: 'tar.gz' if it comes packed.
    """

    name: str
    file: str
    what: str
    sources: tuple[Source, ...]
    megabytes: int | None
    licence: str
    used_by: tuple[str, ...]
    folder: str = str(PRETRAINED_DIR)
    archive: str = ''

    @property
    def path(self) -> Path:
        """Where it belongs, relative to the current folder."""
        return Path(self.folder) / self.file


@cache
def weight_files() -> dict[str, WeightFile]:
    """The manifest by name."""
    rows = json.loads(MANIFEST.read_text(encoding='utf-8'))
    return {name: _row(name, **row) for name, row in rows.items()}


def _row(name: str, *, sources: list[dict], used_by: list[str], **row) -> WeightFile:
    return WeightFile(name=name, sources=tuple(Source(**s) for s in sources), used_by=tuple(used_by), **row)


def name_of_file(file: str) -> str | None:
    """The name under which the manifest lists a file, or None."""
    return next((name for name, row in weight_files().items() if row.file == file), None)


def remote_sources(url: str) -> tuple[Source, ...]:
    """Where ``http(s)://...`` and ``open-mmlab://NAME`` are downloaded from; () for anything else, a local path.

    Raises:
        InputError: OpenMMLab knows no such NAME, or the address ends in no name of a file.
    """
    if url.startswith(HTTP):
        source = Source(url)
        if source.file in ('', '.', '..'):
            raise InputError(f'{url} names no file: an address of weights ends in the name of one.')
        return (source,)
    for scheme in OPEN_MMLAB:
        if url.startswith(scheme):
            return _open_mmlab(url.removeprefix(scheme))
    return ()


def _open_mmlab(name: str) -> tuple[Source, ...]:
    # slow import, and needed for these names only
    from mmengine.runner.checkpoint import get_deprecated_model_names, get_external_models  # noqa: PLC0415

    table = get_external_models()
    name = get_deprecated_model_names().get(name, name)
    if name not in table:
        raise InputError(f'open-mmlab:// has no weights {name!r}.{nearest(name, table)}')
    url = table[name]
    mirrors = [url]
    for host in OPEN_MMLAB_HOSTS:
        if url.startswith(host):
            mirrors += [other + url.removeprefix(host) for other in OPEN_MMLAB_HOSTS if other != host]
    return tuple(Source(mirror) for mirror in mirrors)
