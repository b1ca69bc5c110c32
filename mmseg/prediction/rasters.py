"""Images of which parts can be read: decoded ones in memory, and tiled TIFF files of any size on the disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.datasets.tiff import has_rasterio, open_tiff, opencv_order
from mmseg.errors import InputError

TIFF_SUFFIXES = {'.tif', '.tiff'}
WINDOWED = ('uint8', 'uint16', 'int16')
"""Types of pixels that need no look at the whole image: of floats every one has to be a number."""


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

    def __init__(self, file: Any, indexes: list[int], *, repeat: bool = False) -> None:
        self.file = file
        self.indexes = indexes * 3 if repeat else indexes
        self.profile = {'crs': file.crs, 'transform': file.transform}

    @property
    def size(self) -> tuple[int, int]:
        return self.file.height, self.file.width

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        window = ((rows.start, rows.stop), (columns.start, columns.stop))
        bands = self.file.read(window=window, indexes=self.indexes)
        return np.ascontiguousarray(bands[0] if len(bands) == 1 else bands.transpose(1, 2, 0))


@contextmanager
def opened(path: Path, load: LoadImageFromFile, *, windowed: bool) -> Iterator[Raster]:
    """The image in ``path``; its parts come from the disk where that is possible and ``windowed`` asks for it.

    Args:
        path: an image file.
        load: how the pipeline reads it.
        windowed: read parts of a tiled TIFF when they are asked for; needs ``rasterio``.

    Raises:
        InputError: the file is missing or no image.
    """
    if windowed and path.suffix.lower() in TIFF_SUFFIXES and has_rasterio():
        from rasterio.errors import RasterioIOError  # noqa: PLC0415 (an extra)

        try:
            file = open_tiff(path)
        except RasterioIOError:
            file = None  # what is wrong with it is told by the way that all images go
        if file is not None:
            with file:
                indexes = indexes_read(file, load, path)
                if indexes is not None:
                    yield TiffRaster(file, indexes, repeat=load.repeat_grey)
                    return
    yield ArrayRaster(load.read(path))


def indexes_read(file: Any, load: LoadImageFromFile, path: Path) -> list[int] | None:
    """The bands of an open file, from 1, that reading it as a whole would give; None where its parts differ from that.

    Raises:
        InputError: it has not the bands asked for.
    """
    if not file.profile.get('tiled') or load.to_float32:
        return None
    if load.color_type == 'color':
        return [3, 2, 1] if file.count >= 3 and set(file.dtypes[:3]) == {'uint8'} else None
    if load.color_type != 'unchanged' or len(set(file.dtypes)) > 1 or file.dtypes[0] not in WINDOWED:
        return None
    if load.bands is None:
        return opencv_order(file.count)
    if max(load.bands) >= file.count:
        raise InputError(f'Image {str(path)!r} has {file.count} band(s); bands={list(load.bands)} names another one.')
    return [band + 1 for band in load.bands]
