"""Bringing published weights into pretrained/, and published runs into work_dirs/: what ``mmseg download`` does."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmseg.config.load import load_config
from mmseg.errors import InputError, nearest
from mmseg.models.backbones.timm_backbone import BY_NAME
from mmseg.models.backbones.timm_weights import HUB, TimmWeights, file_of, weights_of
from mmseg.models.weights.download import Source, fetch, sha256_of
from mmseg.models.weights.manifest import (
    HTTP,
    OPEN_MMLAB,
    PRETRAINED_DIR,
    WeightFile,
    name_of_file,
    remote_sources,
    weight_files,
)
from mmseg.models.weights.unpack import unpack
from mmseg.writing import replacing

#: what the names of timm's weights begin with
TIMM = 'timm:'


def listing() -> Iterator[str]:
    """The manifest in lines of text."""
    for name, row in weight_files().items():
        size = f'about {row.megabytes} MB' if row.megabytes else 'size unknown'
        yield f'{name:16} {row.what}; {size}; {"here" if row.path.exists() else "absent"}'
        yield f'{"":16} {row.path}; licence: {row.licence}'
        if row.used_by:
            yield f'{"":16} for {", ".join(row.used_by)}'


def expand(name: str) -> list[str]:
    """``name``, or the names of what a config starts from."""
    if not name.endswith(('.py', '.json')) or remote_sources(name):
        return [name]
    model = load_config(name, purpose='test').model
    paths = [model.get('pretrained'), model.backbone.get('pretrained')]
    paths.append((model.backbone.get('init_cfg') or {}).get('checkpoint'))
    if model.backbone.get('pretrained') in (True, BY_NAME):
        paths = [f'{TIMM}{model.backbone.model_name}']
    known = (TIMM, *HTTP, *OPEN_MMLAB)
    found = [path if path.startswith(known) else name_of_file(Path(path).name) or path for path in paths if path]
    if not found:
        print(f'{name} starts from no pretrained weights.')
    return found


def get(name: str) -> None:
    """Bring what ``name`` stands for to its place.

    Raises:
        InputError: no such name, or no source gives it.
    """
    if name.startswith(TIMM):
        get_timm(weights_of(name.removeprefix(TIMM)))
        return
    sources = remote_sources(name)
    if sources:
        get_file(PRETRAINED_DIR / sources[0].file, sources)
        return
    files = weight_files()
    if name not in files:
        raise InputError(f'There is no download {name!r}.{nearest(name, files)} --list shows all names.')
    row = files[name]
    if not row.archive:
        get_file(row.path, row.sources, licence=row.licence)
    elif row.path.exists():
        print(f'{row.path} is there already.')
    else:
        get_archive(row)


def get_file(path: Path, sources: Sequence[Source], *, licence: str = '') -> None:
    """Download one file and say what came."""
    if path.is_file():
        print(f'{path} is there already.')
        return
    source = fetch(sources, path)
    checked = 'as published' if source.checksum else 'none was published to compare with'
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB from {source.url}')
    print(f'  SHA-256 {sha256_of(path)} ({checked})')
    if licence:
        print(f'  licence: {licence}')


def get_timm(weights: TimmWeights) -> None:
    """Bring timm's weights to pretrained/, where those that start from them look first."""
    path = weights.local
    if path.is_file():
        print(f'{path} is there already.')
        return
    found = file_of(weights)
    with replacing(path, needed=found.stat().st_size) as temporary:
        shutil.copyfile(found, temporary)
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB from {HUB}{weights.repository}')
    print(f'  SHA-256 {sha256_of(path)}')
    print(f'  licence: {weights.licence or "not stated by timm"}')


def get_archive(row: WeightFile) -> None:
    """Download and unpack an archive; it is deleted then."""
    packed = Path(row.folder) / f'{row.name}.{row.archive}'
    get_file(packed, row.sources, licence=row.licence)
    for path in unpack(packed, Path(row.folder)):
        print(f'unpacked: {path}')
    packed.unlink()
