"""What makes a picture of a prediction readable: contours between classes, a legend, dark images stretched."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

CONTOUR_SHARE = 400  # the shorter side of a picture is as many contours wide
CONTOUR_OPACITY = 0.75
DARK = 48  # an image is dark if half of its pixels have no band above this
MIDDLE = 0.4  # of the range, where the median of a dark image is brought to
STEEPEST = 0.35  # exponent: noise in the dark is not to become the picture
SMALLEST_TEXT, LARGEST_TEXT = 12, 40  # pixels
NARROWEST = 260  # pixels of a legend, whatever the picture above it
PAPER, INK, EDGE = (255, 255, 255), (20, 20, 20), (110, 110, 110)


def with_contours(picture: np.ndarray, label_map: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 with lines between the classes of ``label_map`` (H, W).

    Lines are bright where the picture is dark and dark where it is bright.
    """
    edge = np.zeros(label_map.shape, np.uint8)
    edge[:, 1:] |= label_map[:, 1:] != label_map[:, :-1]
    edge[1:] |= label_map[1:] != label_map[:-1]
    width = max(1, round(min(label_map.shape) / CONTOUR_SHARE))
    at = cv2.dilate(edge, np.ones((width, width), np.uint8)) > 0
    around = cv2.blur(picture.max(axis=2), (8 * width + 1, 8 * width + 1))
    line = np.where(around[at] < 128, 255, 0)[:, None]
    drawn = picture.copy()
    drawn[at] = np.rint(picture[at] * (1 - CONTOUR_OPACITY) + line * CONTOUR_OPACITY).astype(np.uint8)
    return drawn


class Entry(NamedTuple):
    """A class that a picture shows: its name, RGB colour, and share of the pixels in 0..1."""

    name: str
    colour: tuple[int, int, int]
    share: float

    @property
    def text(self) -> str:
        """``road 34 %``."""
        return f'{self.name} {self.share:.0%}'.replace('%', ' %') if self.share >= 0.01 else f'{self.name} < 1 %'


def entries_of(label_map: np.ndarray, classes: Sequence[str], palette: Sequence[Sequence[int]]) -> list[Entry]:
    """The classes that occur in ``label_map``, largest first; ids without a class (ignored pixels) are none."""
    ids, counts = np.unique(label_map, return_counts=True)
    found = [(int(i), int(count)) for i, count in zip(ids, counts, strict=True) if 0 <= i < len(classes)]
    found.sort(key=lambda pair: -pair[1])
    return [Entry(classes[i], rgb(palette[i]), count / label_map.size) for i, count in found]


def rgb(colour: Sequence[int]) -> tuple[int, int, int]:
    """A colour of a palette as three plain numbers."""
    red, green, blue = map(int, colour)
    return red, green, blue


def with_legend(picture: np.ndarray, entries: Sequence[Entry]) -> np.ndarray:
    """A picture (H, W, 3) RGB uint8 with its classes below it, on white; the picture's own pixels stay as they are."""
    strip = legend_strip(entries, max(picture.shape[1], NARROWEST))
    missing = strip.shape[1] - picture.shape[1]
    return np.vstack([np.pad(picture, ((0, 0), (0, missing), (0, 0)), constant_values=255), strip])


def legend_strip(entries: Sequence[Entry], width: int) -> np.ndarray:
    """Colours and names in as many lines as ``width`` pixels need: RGB uint8 (h, width, 3)."""
    size = min(max(width // 56, SMALLEST_TEXT), LARGEST_TEXT)
    font, line, box, gap = _font(size), round(1.7 * size), size, round(0.9 * size)
    places, x, row = [], gap, 0
    for entry in entries:
        needed = box + size // 2 + round(font.getlength(entry.text)) + gap
        if x > gap and x + needed > width:
            x, row = gap, row + 1
        places.append((x, row * line + size // 2))
        x += needed
    canvas = Image.new('RGB', (width, (row + 1) * line + size // 2), PAPER)
    draw = ImageDraw.Draw(canvas)
    for entry, (left, top) in zip(entries, places, strict=True):
        draw.rectangle((left, top, left + box, top + box), fill=entry.colour, outline=EDGE)
        draw.text((left + box + size // 2, top + box / 2), entry.text, fill=INK, font=font, anchor='lm')
    return np.array(canvas)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib as mpl  # noqa: PLC0415 (for its font, which knows the letters of most languages)

    return ImageFont.truetype(str(Path(mpl.get_data_path(), 'fonts/ttf/DejaVuSans.ttf')), size)


def stretched(image: np.ndarray) -> np.ndarray | None:
    """A dark image (H, W, 3) uint8 with its contrast stretched for display, hues kept; None if it is not dark."""
    value = image.max(axis=2)
    low, high = np.percentile(value, (0.5, 99.5))
    if np.median(value) >= DARK or high <= low:
        return None
    share = ((value - low) / (high - low)).clip(0, 1)
    middle = float(np.median(share).clip(1e-3, 0.999))
    wanted = 255 * share ** np.clip(np.log(MIDDLE) / np.log(middle), STEEPEST, 1)
    return (image * (wanted / np.maximum(value, 1))[..., None]).clip(0, 255).astype(np.uint8)
