"""What images and label maps hold, measured on a part of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmseg.datasets.labels import WIDEST, read_codes, read_ids, shows_colours
from mmseg.datasets.orientation import SIDEWAYS, orientation
from mmseg.datasets.pipelines.loading import read_image
from mmseg.errors import InputError
from mmseg.progress import progress_bar

MOST = 200
MOST_COLOURS = 150
FIRST = 10
PICTURES = {(1, 'uint8'), (3, 'uint8')}
"""Bands and types of images that are read in colours alike."""
WITH_ALPHA = {'.png', '.webp'}
"""Formats whose fourth channel is the transparency."""


@dataclass(frozen=True)
class ImageFacts:
    """Of ``looked`` images: (width, height) by count, bands, NumPy type, and per band mean and standard deviation.

    Bands are in the order of the network: RGB where there are three.
    """

    looked: int
    sizes: Counter[tuple[int, int]]
    bands: int
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def size(self) -> tuple[int, int]:
        """The most frequent (width, height)."""
        return self.sizes.most_common(1)[0][0]

    @property
    def smallest(self) -> tuple[int, int]:
        """The least width and the least height."""
        return min(width for width, _ in self.sizes), min(height for _, height in self.sizes)

    @property
    def is_photo(self) -> bool:
        """Whether they are plain 8-bit colour images."""
        return self.bands == 3 and self.dtype == 'uint8'


@dataclass(frozen=True)
class LabelFacts:
    """Of ``looked`` label maps: pixels by file value, or, where ``are_colours``, by colour (red * 65536 + ...)."""

    looked: int
    pixels: Counter[int] = field(default_factory=Counter)
    are_colours: bool = False

    def share(self, value: int) -> float:
        """Share of the pixels with a file value, in 0..1."""
        return self.pixels[value] / max(1, self.pixels.total())


def kind_of(bands: int, dtype: str) -> str:
    """What images consist of, in words."""
    return f'{bands} band{"s" if bands != 1 else ""} of {dtype}'


def look_at_images(
    folder: Path, names: Sequence[str], *, in_colours: bool = False, progress: bool = False
) -> ImageFacts:
    """Measure a part of the images; grey ones and ones in colours, of 8 bits, together count as in colours.

    Args:
        folder: of the images.
        names: relative to it.
        in_colours: read all of them in colours.
        progress: show a bar.

    Raises:
        InputError: one cannot be read, or they differ in their bands or depth.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    kinds: dict[tuple[int, str], str] = {}
    sums: list[np.ndarray] = []
    chosen = spread(names)
    for name in progress_bar(chosen, desc=f'images of {folder}', unit='image', shown=progress, leave=False):
        bands = bands_in(folder / name, 'color' if in_colours else 'unchanged')
        height, width, count = bands.shape
        sizes[(height, width) if not in_colours and is_turned(folder / name, bands) else (width, height)] += 1
        kinds.setdefault((count, str(bands.dtype)), name)
        if kinds.keys() == PICTURES:
            return look_at_images(folder, names, in_colours=True, progress=progress)
        if len(kinds) > 1:
            told = '; '.join(f'{file}: {kind_of(*found)}' for found, file in kinds.items())
            raise InputError(
                f'The images in {folder} differ in their bands or depth ({told}): convert them to one kind.'
            )
        ordered = bands[..., ::-1] if count == 3 else bands
        values = ordered.reshape(-1, count).astype(np.float64)
        sums.append(np.stack([np.full(count, len(values)), values.sum(0), (values**2).sum(0)]))
    pixels, total, squares = np.sum(sums, axis=0)
    mean = total / pixels
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 0))
    ((bands_found, dtype),) = kinds
    return ImageFacts(len(chosen), sizes, bands_found, dtype, tuple(mean.tolist()), tuple(std.tolist()))


def bands_in(path: Path, color_type: str) -> np.ndarray:
    """The pixels of a file (H, W, C), of a picture without a transparency that covers nothing."""
    image = read_image(path, color_type)
    bands = image[..., None] if image.ndim == 2 else image
    transparent = bands.shape[2] == 4 and bands.dtype == np.uint8 and path.suffix.lower() in WITH_ALPHA
    return bands[..., :3] if transparent and (bands[..., 3] == 255).all() else bands


def is_turned(path: Path, bands: np.ndarray) -> bool:
    """Whether an image (H, W, C), read as it is stored, lies on its side: photos are read as their EXIF says."""
    return bands.shape[2] == 3 and bands.dtype == np.uint8 and orientation(path) in SIDEWAYS


def look_at_labels(folder: Path, names: Sequence[str], *, progress: bool = False) -> LabelFacts:
    """Count the values of a part of the label maps.

    Raises:
        InputError: one cannot be read, or holds colours or other things that are no ids.
    """
    pixels: Counter[int] = Counter()
    chosen = spread(names)
    colours = any(shows_colours(folder / name) for name in chosen[:FIRST])  # one of them may show a single grey class
    for name in progress_bar(chosen, desc=f'labels of {folder}', unit='file', shown=progress, leave=False):
        values = read_codes(folder / name) if colours else read_ids(folder / name, most=WIDEST)
        pixels.update(dict(zip(*(part.tolist() for part in np.unique(values, return_counts=True)), strict=True)))
        if colours and len(pixels) > MOST_COLOURS:
            raise InputError(
                f'The label images in {folder} show more than {MOST_COLOURS} colours, {folder / name} among them: were '
                'they saved with loss, or with smoothed edges?'
            )
    return LabelFacts(len(chosen), pixels, colours)


def spread(names: Sequence[str], most: int = MOST) -> list[str]:
    """At most ``most`` names, evenly over all."""
    if len(names) <= most:
        return list(names)
    return [names[i * len(names) // most] for i in range(most)]
