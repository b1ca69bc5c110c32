"""Images of which parts can be read: decoded ones in memory, and tiled TIFF files of any size on the disk."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.datasets.tiff import has_rasterio, open_tiff, opencv_order, tiff_header
from mmseg.errors import InputError

TIFF_SUFFIXES = {'.tif', '.tiff'}
WINDOWED = ('uint8', 'uint16', 'int16')
"""Types of pixels that need no look at the whole image: of floats every one has to be a number."""
PATCHES, PATCH = 4, 128
"""Of a large image so many patches of so many pixels a side are looked at to see how bright it is."""

Place = Mapping[str, Any]
"""``crs`` and ``transform`` of a file, for the files that are made of it."""


class Raster(Protocol):
    """An image whose parts are read as the pipeline's loading step would give the whole: (h, w, C), BGR first."""

    place: Place | None
    """Where it lies in the world; None: nowhere, and its results need not be TIFFs."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""

    def sample(self) -> np.ndarray:
        """Pixels from all over the image (h, w[, C]), few and in no place: what tells its values."""

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """The pixels of a window, (h, w, C) uint8 (or as the file has them for ``unchanged``)."""


class ArrayRaster:
    """A decoded image (H, W[, C])."""

    def __init__(self, pixels: np.ndarray, place: Place | None = None) -> None:
        self.pixels = pixels
        self.place = place

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    def sample(self) -> np.ndarray:
        step = math.ceil(max(self.size) / (PATCHES * PATCH))
        return self.pixels[::step, ::step]

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        return self.pixels[rows, columns]


class TiffRaster:
    """An open tiled TIFF file (``rasterio``): only the blocks of a window are read."""

    def __init__(self, file: Any, indexes: list[int], *, repeat: bool = False) -> None:
        self.file = file
        self.indexes = indexes * 3 if repeat else indexes
        self.place: Place | None = _place(file)

    @property
    def size(self) -> tuple[int, int]:
        return self.file.height, self.file.width

    def sample(self) -> np.ndarray:
        parts = [self.read(rows, columns) for rows in _patches(self.size[0]) for columns in _patches(self.size[1])]
        return np.concatenate([part.reshape(-1, 1, *part.shape[2:]) for part in parts])

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        window = ((rows.start, rows.stop), (columns.start, columns.stop))
        return _rows_first(self.file.read(window=window, indexes=self.indexes))


def _rows_first(bands: np.ndarray) -> np.ndarray:
    """(C, h, w) -> (h, w, C), or (h, w) of one band."""
    return np.ascontiguousarray(bands[0] if len(bands) == 1 else bands.transpose(1, 2, 0))


def _patches(length: int) -> list[slice]:
    """Parts of a side that together stand for all of it: nothing else of a large file need be read."""
    if length <= PATCHES * PATCH:
        return [slice(0, length)]
    starts = [i * (length - PATCH) // (PATCHES - 1) for i in range(PATCHES)]
    return [slice(start, start + PATCH) for start in starts]


def _place(file: Any) -> Place:
    return {'crs': file.crs, 'transform': file.transform}


def place_in_the_world(path: Path, size: tuple[int, ...]) -> Place | None:
    """Where a TIFF of ``size`` (height, width) says that it lies; None for files that do not say it."""
    header = tiff_header(path) if path.suffix.lower() in TIFF_SUFFIXES and has_rasterio() else None
    if header is None or not header.is_placed:
        return None
    from rasterio.errors import RasterioIOError  # noqa: PLC0415 (an extra)

    try:
        with open_tiff(path) as file:
            return _place(file) if (file.height, file.width) == size else None  # one that was turned lies elsewhere
    except RasterioIOError:
        return None


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
    pixels = load.read(path)
    yield ArrayRaster(pixels, place_in_the_world(path, pixels.shape[:2]))


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
