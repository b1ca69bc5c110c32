"""Images of which parts can be read: decoded ones in memory, and tiled TIFF files of any size on the disk."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmseg.datasets.pipelines.loading import read_image

TIFF_SUFFIXES = {'.tif', '.tiff'}


class Raster(Protocol):
    """An image whose parts are read as the pipeline's loading step would give the whole: (h, w, C), BGR first."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """The pixels of a window, (h, w, C) uint8 (or as the file has them for ``unchanged``)."""


class ArrayRaster:
    """A decoded image (H, W[, C])."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        return self.pixels[rows, columns]


class TiffRaster:
    """An open tiled TIFF file (``rasterio``): only the blocks of a window are read.

    Attributes:
        profile: what places the file in the world (``crs``, ``transform``), for the files that are made of it.
    """

    def __init__(self, file: Any) -> None:
        self.file = file
        self.profile = {'crs': file.crs, 'transform': file.transform}

    @property
    def size(self) -> tuple[int, int]:
        return self.file.height, self.file.width

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        window = ((rows.start, rows.stop), (columns.start, columns.stop))
        bands = self.file.read(window=window, indexes=[3, 2, 1])  # BGR, as OpenCV gives an image
        return np.ascontiguousarray(bands.transpose(1, 2, 0))


@contextmanager
def opened(path: Path, color_type: str, *, windowed: bool) -> Iterator[Raster]:
    """The image in ``path``; its parts come from the disk where that is possible and ``windowed`` asks for it.

    Args:
        path: an image file.
        color_type: how the pipeline reads it, see :class:`mmseg.datasets.pipelines.loading.LoadImageFromFile`.
        windowed: read parts of a tiled 8-bit RGB TIFF when they are asked for; needs ``rasterio``.

    Raises:
        InputError: the file is missing or no image.
    """
    if windowed and color_type == 'color' and path.suffix.lower() in TIFF_SUFFIXES and has_rasterio():
        import rasterio  # noqa: PLC0415 (an extra)
        from rasterio.errors import RasterioIOError  # noqa: PLC0415

        try:
            file = rasterio.open(path)
        except RasterioIOError:
            file = None  # what is wrong with it is told by the way that all images go
        if file is not None:
            with file:
                if _suits(file):
                    yield TiffRaster(file)
                    return
    yield ArrayRaster(read_image(path, color_type))


def has_rasterio() -> bool:
    """Whether the extra for georeferenced images is installed."""
    return importlib.util.find_spec('rasterio') is not None


def _suits(file: Any) -> bool:
    """Whether a file is tiled, and means the same whether read in parts or by OpenCV."""
    return bool(file.profile.get('tiled')) and file.count >= 3 and set(file.dtypes[:3]) == {'uint8'}
