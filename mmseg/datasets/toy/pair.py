"""The toy pair: small street scenes of a game and of a camera, written as GTA and Cityscapes are.

Both domains are drawn by one sampler of scenes (``scene``); only their styles (``domains``) differ. Converters,
readers and configs of the real data sets work on the files unchanged.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mmseg.datasets.label_sets import CITYSCAPES19, CITYSCAPES_IDS
from mmseg.datasets.parallel import each
from mmseg.datasets.toy.domains import CAMERA, GAME
from mmseg.datasets.toy.scene import sample_scene
from mmseg.datasets.toy.style import Picture, Style, draw_picture
from mmseg.errors import InputError
from mmseg.places import make_folder
from mmseg.toy_params import ToyParams
from mmseg.writing import naming_full_disk, replacing_folder, write_text

MARKER = 'toy.json'
PLACE, COMMAND = 'data/toy', 'mmseg toy'  # where the configs of toy/ look for the pair, and what draws it there


def command_for(root: str | Path) -> str | None:
    """The command that makes the data set ``root``, if it is a part of the pair."""
    return COMMAND if Path(root).parent.as_posix() == PLACE else None


class Shot(NamedTuple):
    """One picture to be made: its style, its chance, and the two files it becomes."""

    style: Style
    chance: tuple[int, int, int]
    image: Path
    label: Path
    palette: bool  # the label carries colours, as GTA's do


def is_written(root: Path, params: ToyParams) -> bool:
    """Whether the folder ``root`` holds the complete pair of ``params``."""
    marker = root / MARKER
    return marker.is_file() and json.loads(marker.read_text()) == asdict(params)


def write_toy(root: Path, params: ToyParams, nproc: int = 1) -> Iterator[int]:
    """Write the pair to ``root``, yielding the number of pictures done; the folder appears when it is complete.

    ``nproc`` processes draw; the pictures do not depend on their number. An earlier pair of other parameters is
    replaced, with whatever converters added to it.

    Raises:
        InputError: ``root`` holds something else.
    """
    if root.exists() and not (root / MARKER).is_file() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(f'{root} exists and is no toy pair (it has no {MARKER}): choose another folder with --out.')
    with replacing_folder(root) as begun:
        numbered = list(enumerate(shots(begun, params), start=1))
        with naming_full_disk(root):
            yield from each(partial(_make, params), numbered, nproc=nproc, title='drawing')
        write_text(begun / MARKER, json.dumps(asdict(params), indent=2) + '\n')


def shots(root: Path, params: ToyParams) -> list[Shot]:
    """Every picture of the pair with its place below ``root``: ``gta/`` and ``cityscapes/`` in their own layouts."""
    chosen = [
        Shot(
            GAME,
            (params.seed, 0, number),
            root / f'gta/images/{number:05d}.png',
            root / f'gta/labels/{number:05d}.png',
            palette=True,
        )
        for number in range(1, params.source + 1)
    ]
    for domain, (split, city, count) in enumerate(
        (('train', 'toytown', params.train), ('val', 'toyham', params.val)), 1
    ):
        for number in range(count):
            frame = f'{split}/{city}/{city}_{number:06d}_000019'
            image = root / f'cityscapes/leftImg8bit/{frame}_leftImg8bit.png'
            label = root / f'cityscapes/gtFine/{frame}_gtFine_labelIds.png'
            chosen.append(Shot(CAMERA, (params.seed, domain, number), image, label, palette=False))
    return chosen


def _make(params: ToyParams, numbered: tuple[int, Shot]) -> int:
    number, shot = numbered
    save(shot, take(shot, params))
    return number


def take(shot: Shot, params: ToyParams) -> Picture:
    """Draw the picture: a pure function of its chance, its style and the size."""
    rng = np.random.default_rng(shot.chance)
    return draw_picture(sample_scene(rng), shot.style, rng, width=params.width, height=params.height)


def save(shot: Shot, picture: Picture) -> None:
    for path, array in ((shot.image, picture.image), (shot.label, picture.label)):
        make_folder(path.parent)
        image = Image.fromarray(array)
        if path == shot.label and shot.palette:
            image.putpalette(_label_colours())
        image.save(path, compress_level=3)


def _label_colours() -> list[int]:
    """The Cityscapes colour of every label id, black where there is no class: 256 flat RGB triples."""
    colours = np.zeros((256, 3), int)
    for label_id, name in CITYSCAPES_IDS.items():
        colours[label_id] = CITYSCAPES19.palette[CITYSCAPES19.index(name)]
    return colours.flatten().tolist()
