"""Files that are written a block at a time, and are there whole or not at all."""

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from mmseg.datasets.tiff import open_tiff
from mmseg.errors import InputError
from mmseg.evaluation.export import write_png
from mmseg.temporaries import temporary_name
from mmseg.writing import begin_file, naming_full_disk, refuse_lost

TIFF_BLOCK = 256
CODEC = 'mp4v'


class Sink(Protocol):
    """Takes the parts of a picture (h, w) or (h, w, C); ``close`` finishes the file, ``discard`` leaves none."""

    path: Path

    def add(self, rows: slice, columns: slice, part: np.ndarray) -> None: ...

    def close(self) -> None: ...

    def discard(self) -> None: ...


class PngSink:
    """A PNG of ``size`` = (height, width), held as pixels until it is closed."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path = path
        self.size = size
        self.picture: np.ndarray | None = None

    def add(self, rows: slice, columns: slice, part: np.ndarray) -> None:
        if part.shape[:2] == self.size:
            self.picture = part
            return
        if self.picture is None:
            self.picture = np.empty((*self.size, *part.shape[2:]), part.dtype)
        self.picture[rows, columns] = part

    def close(self) -> None:
        assert self.picture is not None
        write_png(self.path, self.picture)
        self.picture = None

    def discard(self) -> None:
        self.picture = None


class NpySink:
    """An array (C, H, W) in NumPy's format, written through the page cache instead of memory of its own."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path = path
        self.size = size
        self.temporary = temporary_name(path)
        self.array: np.ndarray | None = None

    def add(self, rows: slice, columns: slice, part: np.ndarray) -> None:
        if self.array is None:
            begin_file(self.path)
            shape = (part.shape[2], *self.size)
            with naming_full_disk(self.path, needed=part.itemsize * math.prod(shape)):
                self.array = np.lib.format.open_memmap(self.temporary, mode='w+', dtype=part.dtype, shape=shape)
                allocate(self.temporary)
        self.array[:, rows, columns] = part.transpose(2, 0, 1)

    def close(self) -> None:
        assert isinstance(self.array, np.memmap)
        self.array.flush()
        self.array = None
        self.temporary.replace(self.path)

    def discard(self) -> None:
        self.array = None
        self.temporary.unlink(missing_ok=True)


def allocate(path: Path) -> None:
    """Take the room that a file of this length needs: without it, a page that is written later would kill the process.

    Raises:
        OSError: there is none. On systems that cannot be asked (not Linux) nothing is done.
    """
    if hasattr(os, 'posix_fallocate'):
        with path.open('rb+') as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


class TiffSink:
    """A tiled, compressed TIFF that lies where its image lies in the world; only blocks are in memory.

    Args:
        path: of the file.
        size: (height, width).
        profile: ``crs`` and ``transform`` of the image.
    """

    def __init__(self, path: Path, size: tuple[int, int], profile: Mapping[str, Any]) -> None:
        self.path = path
        self.size = size
        self.profile = dict(profile)
        self.temporary = temporary_name(path)
        self.file: Any = None

    def add(self, rows: slice, columns: slice, part: np.ndarray) -> None:
        bands = part[..., None] if part.ndim == 2 else part
        if bands.shape[2] == 3 and bands.dtype == np.uint8:
            bands = bands[..., ::-1]  # pictures are BGR here and RGB in files
        if self.file is None:
            self._open(bands.shape[2], bands.dtype)
        window = ((rows.start, rows.stop), (columns.start, columns.stop))
        with self._naming():
            self.file.write(np.ascontiguousarray(bands.transpose(2, 0, 1)), window=window)

    def close(self) -> None:
        with self._naming():
            self.file.close()
        if not self._is_whole():  # what GDAL cannot write while it closes a file, it keeps to itself
            refuse_lost(self.path, self.temporary, 'parts of it are missing')
        self.temporary.replace(self.path)

    def _is_whole(self) -> bool:
        """Whether every block is on the disk."""
        from rasterio.errors import RasterioError  # noqa: PLC0415 (an extra)

        length = self.temporary.stat().st_size
        try:
            with open_tiff(self.temporary) as file:
                for (row, column), _ in file.block_windows(1):
                    place, size = (
                        int(file.get_tag_item(f'BLOCK_{what}_{column}_{row}', 'TIFF', bidx=1) or 0)
                        for what in ('OFFSET', 'SIZE')
                    )
                    if not place or place + size > length:
                        return False
        except RasterioError:
            return False
        return True

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Say which file got no room."""
        from rasterio.errors import RasterioError  # noqa: PLC0415 (an extra)

        try:
            yield
        except RasterioError as error:
            refuse_lost(self.path, self.temporary, error)

    def discard(self) -> None:
        if self.file is not None:
            self.file.close()
        self.temporary.unlink(missing_ok=True)

    def _open(self, bands: int, dtype: np.dtype) -> None:
        begin_file(self.path)
        self.file = open_tiff(
            self.temporary,
            'w',
            driver='GTiff',
            height=self.size[0],
            width=self.size[1],
            count=bands,
            dtype=dtype,
            tiled=True,
            blockxsize=TIFF_BLOCK,
            blockysize=TIFF_BLOCK,
            compress='deflate',
            bigtiff='IF_SAFER',
            **self.profile,
        )


class VideoSink:
    """An MP4 video, a frame at a time.

    Args:
        path: of the file.
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path = path
        self.rate = rate
        self.temporary = temporary_name(path, ending=path.suffix)  # OpenCV tells kinds of videos by it
        self.writer: cv2.VideoWriter | None = None
        self.frames = 0

    def add(self, rows: slice, columns: slice, part: np.ndarray) -> None:
        if self.writer is None:
            begin_file(self.path, ending=self.path.suffix)
            code = cv2.VideoWriter.fourcc(*CODEC)
            self.writer = cv2.VideoWriter(str(self.temporary), code, self.rate, (part.shape[1], part.shape[0]))
            if not self.writer.isOpened():
                raise InputError(f'Cannot write the video {self.path}: OpenCV has no {CODEC} encoder here.')
        self.writer.write(part)
        self.frames += 1

    def close(self) -> None:
        assert self.writer is not None
        self.writer.release()
        found = frames_in(self.temporary)
        if found < self.frames:  # OpenCV says nothing of frames that it cannot write
            refuse_lost(self.path, self.temporary, f'{self.frames - found} of {self.frames} frames are missing')
        self.temporary.replace(self.path)

    def discard(self) -> None:
        if self.writer is not None:
            self.writer.release()
        self.temporary.unlink(missing_ok=True)


def frames_in(path: Path) -> int:
    """Frames of a video file, as it says itself; 0 for one that cannot be read."""
    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    return count
