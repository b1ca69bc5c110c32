"""Where weights come from: what a config names, and the file for a path, a name or a URL."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from mmseg.errors import InputError
from mmseg.models.weights.download import Source, fetch
from mmseg.models.weights.input_bands import MEAN, WAYS
from mmseg.models.weights.manifest import PRETRAINED_DIR, name_of_file, remote_sources
from mmseg.places import home_expanded


class Pretrained(NamedTuple):
    """A file of weights (None for none), and the part of the names in it to take: those that begin with ``prefix``.

    ``bands``: how the first layer of a file for three bands becomes one for others, see
    :mod:`mmseg.models.weights.input_bands`.
    """

    path: str | None
    prefix: str = ''
    bands: str = MEAN


def pretrained_of(pretrained: str | None, init_cfg: Mapping | None, *, owner: str) -> Pretrained:
    """The pretrained file a config names, in either of its two spellings.

    Raises:
        InputError: both spellings at once, or an ``init_cfg`` of another kind.
    """
    if init_cfg is None:
        return Pretrained(pretrained)
    if pretrained is not None:
        raise InputError(f'{owner}: give either pretrained or init_cfg, not both.')
    if init_cfg.get('type') != 'Pretrained' or set(init_cfg) - {'prefix', 'bands'} != {'type', 'checkpoint'}:
        raise InputError(
            f"{owner}: init_cfg must be dict(type='Pretrained', checkpoint=FILE), with a prefix='backbone.' if only a "
            f'part of the file is meant, got {dict(init_cfg)}'
        )
    bands = init_cfg.get('bands', MEAN)
    if bands not in WAYS:
        raise InputError(f'{owner}: bands of init_cfg is one of {", ".join(map(repr, WAYS))}, not {bands!r}.')
    return Pretrained(init_cfg['checkpoint'], init_cfg.get('prefix') or '', bands)


def find(path_or_url: str | Path) -> Path:
    """The local file for a path, for a file name in ``pretrained/``, or for a URL (downloaded once and kept).

    ``open-mmlab://NAME`` is a URL too. One whose file name ends in ``-<8 or more hex digits>`` is checked against
    that SHA-256 prefix.

    Raises:
        InputError: there is no such file, or it cannot be downloaded.
    """
    sources = remote_sources(str(path_or_url))
    if sources:
        return _downloaded(sources)
    path = home_expanded(path_or_url)
    for candidate in (path, PRETRAINED_DIR / path.name):
        if candidate.is_file():
            return candidate
    raise InputError(f'Weights not found: {path.absolute()}')


def _downloaded(sources: Sequence[Source]) -> Path:
    file = sources[0].file
    path = Path(torch.hub.get_dir()) / 'checkpoints' / file
    for candidate in (PRETRAINED_DIR / file, path):
        if candidate.is_file():
            return candidate
    fetch(sources, path)
    return path


def where_to_get(path: str) -> str:
    """What to do about pretrained weights that are absent."""
    name = name_of_file(Path(path).name)
    get = f'Get it with: mmseg download {name}\n' if name else ''
    return f'{get}docs/weights.md says more; --from-scratch goes on without.'
