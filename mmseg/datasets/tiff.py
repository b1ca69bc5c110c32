"""TIFF files: what their header says, and the bands of those that OpenCV reads wrongly or not at all.

OpenCV takes the first of several bands of a file that is not marked as RGB (those that GDAL writes of 16 bits), and
multiplies colours by an alpha that covers them; ``rasterio`` reads what is stored.
"""

import importlib.util
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import TiffImagePlugin

from mmseg.errors import InputError

MAGIC = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, GEO_KEYS = 33550, 33922, 34264, 34735
WIDTH, HEIGHT, BITS, SAMPLES, PHOTOMETRIC, EXTRA = 256, 257, 258, 277, 262, 338
RGB, YCBCR, UNASSOCIATED_ALPHA = 2, 6, 2
BIG = 43


class TiffHeader(NamedTuple):
    """What the header of a TIFF says (TIFF 6.0).

    (width, height) in pixels, bands, their bits, how the first three are meant, what further ones are; and whether it
    says where in the world the picture lies (GeoTIFF 1.1).
    """

    size: tuple[int, int]
    bands: int
    bits: int
    photometric: int
    extra: tuple[int, ...]
    is_placed: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether OpenCV reads all bands as they are stored."""
        colours = self.photometric in (RGB, YCBCR) and self.bands in (3, 4)
        return self.bands == 1 or (colours and UNASSOCIATED_ALPHA not in self.extra)


def tiff_header(path: str | Path) -> TiffHeader | None:
    """The header of the first picture in a TIFF file; None for a file that is none, or a damaged one."""
    try:
        with Path(path).open('rb') as file:
            head = file.read(8)
            if not head.startswith(MAGIC):
                return None
            if BIG in head[2:4]:
                head += file.read(8)
            tags = TiffImagePlugin.ImageFileDirectory_v2(head)
            file.seek(tags.next)
            tags.load(file)
        extra = tags.get(EXTRA, ())
        extra = tuple(extra) if isinstance(extra, tuple | list) else (int(extra),)
        bits = max(np.atleast_1d(tags.get(BITS, 1)).tolist())
        placed = any(tag in tags for tag in (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, GEO_KEYS))
        size, meant = (tags[WIDTH], tags[HEIGHT]), tags.get(PHOTOMETRIC, 1)
        return TiffHeader(size, tags.get(SAMPLES, 1), bits, meant, extra, placed)
    except Exception:  # a damaged file can fail anywhere; what is wrong with it is told by whoever decodes it
        return None


def has_rasterio() -> bool:
    """Whether the extra for georeferenced images is installed."""
    return importlib.util.find_spec('rasterio') is not None


def open_tiff(path: str | Path, mode: str = 'r', **settings: Any) -> Any:
    """``rasterio.open`` without its warning that a file lies nowhere on the globe, as most images do."""
    import rasterio  # noqa: PLC0415 (an extra)
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        return rasterio.open(path, mode, **settings)


def read_tiff(path: str | Path, bands: int) -> np.ndarray:
    """All bands of a TIFF file as they are stored, (H, W, C); three and four in OpenCV's order: BGR, BGRA.

    Args:
        path: the file.
        bands: how many it has, as its header says.

    Raises:
        InputError: ``rasterio`` is not installed, or cannot read the file.
    """
    if not has_rasterio():
        raise InputError(
            f'Image {str(path)!r} has {bands} bands that only rasterio reads as they are stored: pip install rasterio '
            "(the extra 'geo')."
        )
    from rasterio.errors import RasterioError  # noqa: PLC0415 (an extra)

    try:
        with open_tiff(path) as file:
            found = file.read(indexes=opencv_order(file.count))
    except RasterioError as error:
        raise InputError(f'Image {str(path)!r} cannot be decoded ({error}). Is it complete?') from None
    return np.ascontiguousarray(found.transpose(1, 2, 0))


def opencv_order(bands: int) -> list[int]:
    """Numbers of stored bands, from 1, in the order in which OpenCV gives them."""
    return {3: [3, 2, 1], 4: [3, 2, 1, 4]}.get(bands, list(range(1, bands + 1)))
