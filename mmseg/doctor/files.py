"""The published data sets and weights: what is here, and what is missing of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mmseg.doctor.findings import NOTE, OK, Finding

DATA = Path('data')
INDEX = 'sample_class_stats.json'


class Part(NamedTuple):
    """Files of a published data set.

    Attributes:
        folder: below ``data/``.
        suffix: of the files.
        published: how many there are.
        made: the command that makes them, '' = they come with the data set.
    """

    folder: str
    suffix: str
    published: int
    made: str = ''


CONVERT = 'mmseg convert {0} data/{0}'
PARTS = {
    'gta': [
        Part('gta/images', '.png', 24966),
        Part('gta/labels', '_labelTrainIds.png', 24966, CONVERT.format('gta')),
    ],
    'synthia': [
        Part('synthia/RGB', '.png', 9400),
        Part('synthia/GT/LABELS', '_labelTrainIds.png', 9400, CONVERT.format('synthia')),
    ],
    'cityscapes': [
        Part('cityscapes/leftImg8bit/train', '_leftImg8bit.png', 2975),
        Part('cityscapes/leftImg8bit/val', '_leftImg8bit.png', 500),
        Part('cityscapes/gtFine/val', '_labelTrainIds.png', 500, CONVERT.format('cityscapes')),
    ],
    'acdc': [Part('acdc/rgb_anon/train', '_rgb_anon.png', 1600), Part('acdc/rgb_anon/val', '_rgb_anon.png', 406)],
    'dark_zurich': [
        Part('dark_zurich/rgb_anon/train/night', '_rgb_anon.png', 2416),
        Part('dark_zurich/rgb_anon/val', '_rgb_anon.png', 50),
    ],
}
#: those that are sources, and need the statistics of rare class sampling
SOURCES = ('gta', 'synthia', 'cityscapes')


def data_sets() -> Iterator[Finding]:
    """Every published data set: absent, incomplete, not converted, or ready."""
    for name, parts in PARTS.items():
        if not (DATA / name).is_dir():
            yield Finding(f'data/{name}', NOTE, 'absent', '')
            continue
        missing = [text for part in parts if (text := _missing(part))]
        if name in SOURCES and not (DATA / name / INDEX).is_file():
            missing.append(f'no {INDEX}: {CONVERT.format(name)}')
        yield Finding(f'data/{name}', NOTE if missing else OK, '; '.join(missing) or 'complete')


def _missing(part: Part) -> str:
    folder = DATA / part.folder
    found = sum(1 for _ in folder.rglob(f'*{part.suffix}')) if folder.is_dir() else 0
    if part.made == '' and part.suffix == '.png':  # maps that were made may lie in the same folder
        found = min(found, part.published)
    if found >= part.published:
        return ''
    return f'{folder}: {found} of {part.published} files *{part.suffix}' + (f': {part.made}' if part.made else '')


def weights() -> Iterator[Finding]:
    """The encoders of the published configs that are in ``pretrained/``."""
    from mmseg.models.weights.manifest import weight_files  # noqa: PLC0415 (imports torch)

    here = [name for name, row in weight_files().items() if row.path.exists()]
    remedy = '' if here else 'mmseg download mit_b5 gets those of the final config.'
    yield Finding('weights', OK if here else NOTE, ', '.join(here) or 'none in pretrained/', remedy)
