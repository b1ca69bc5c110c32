"""Predictions as files: coloured pictures and maps of class ids."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from torch import Tensor

from mmseg.config.label_ids import label_dtype
from mmseg.datasets.files import inside, shared_folder
from mmseg.datasets.pipelines.loading import read_image
from mmseg.errors import InputError
from mmseg.writing import write_bytes

IGNORED = (0, 0, 0)
WAITING_PER_WRITER = 2


class PictureNames:
    """Where the picture of each image of a data set goes, below the folder of all pictures.

    At the image's place below the folder that holds all images, as ``.png``. Where two images would share one picture
    (``x.jpg`` and ``x.png``), all keep their own suffix in front of it: ``x.jpg.png``.

    Args:
        img_infos: images as data sets list them; the same one may come several times.
    """

    def __init__(self, img_infos: Sequence[Mapping]) -> None:
        self._folder = shared_folder({info['img_dir'] for info in img_infos})
        self._whole = False
        images = {Path(info['img_dir'], info['filename']) for info in img_infos}
        self._whole = len({self(image).as_posix().lower() for image in images}) < len(images)

    def __call__(self, image: Path | str) -> Path:
        name = inside(image, self._folder)
        return name.with_name(f'{name.name}.png') if self._whole else name.with_suffix('.png')


class PredictionWriter:
    """Writes a PNG per prediction, under the image's own path below ``folder``; use as context manager.

    Files are compressed by a few threads, so that the network does not wait; when they fall behind, the
    caller does, and no more than a few label maps are ever held.

    Args:
        folder: where the PNGs go.
        palette: RGB colours, 0..255, by class id; None writes the class ids themselves.
        classes: how many there are: with more than 256, every file of ids has 16 bits, whatever it shows.
        opacity: 1 shows only the colours, less mixes them with the image.
        threads: number of writers.
        read: how an image file is read, for ``opacity`` below 1.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        palette: Sequence[Sequence[int]] | None,
        classes: int = 0,
        opacity: float = 1.0,
        threads: int = 2,
        read: Callable[[Path], np.ndarray] = read_image,
    ) -> None:
        check_opacity(opacity)
        self.read = read
        self.folder = Path(folder)
        self.palette = palette
        self.highest = classes - 1
        self.opacity = opacity
        self._pool = ThreadPoolExecutor(threads)
        self._waiting: list[Future] = []
        self._limit = threads * WAITING_PER_WRITER

    def write(self, label_map: np.ndarray, image_file: Path | str, name: Path | str | None = None) -> Path:
        """Queue the label map (H, W) of ``image_file``; ``name`` is its path below ``folder``, as default its name.

        Returns the path of the PNG.
        """
        path = (self.folder / (name or Path(image_file).name)).with_suffix('.png')
        if len(self._waiting) == self._limit:
            self._waiting.pop(0).result()
        self._waiting.append(self._pool.submit(self._write, label_map, Path(image_file), path))
        return path

    def _write(self, label_map: np.ndarray, image_file: Path, path: Path) -> None:
        if self.palette is None:
            picture = label_map.astype(label_dtype(max(self.highest, label_map.max(initial=0))))
        elif self.opacity == 1:
            picture = np.ascontiguousarray(colorize(label_map, self.palette)[..., ::-1])
        else:
            picture = overlay(displayable(self.read(image_file)), label_map, self.palette, self.opacity)
        write_png(path, picture)

    def __enter__(self) -> 'PredictionWriter':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if error is None:
            for future in self._waiting:
                future.result()


def colorize(label_map: np.ndarray | Tensor, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Label map (H, W) -> RGB uint8 (H, W, 3). Ids without a colour (ignored pixels) are black."""
    ids = label_map.cpu().numpy() if isinstance(label_map, Tensor) else label_map
    colours = np.array([*palette, IGNORED], np.uint8)
    known = (ids >= 0) & (ids < len(palette))
    return colours[np.where(known, ids, len(palette))]


def check_opacity(opacity: float) -> None:
    """Refuse an opacity outside 0..1."""
    if not 0 <= opacity <= 1:
        raise InputError(f'The opacity is a number from 0 to 1, not {opacity}.')


def overlay(image: np.ndarray, label_map: np.ndarray, palette: Sequence[Sequence[int]], opacity: float) -> np.ndarray:
    """BGR image (H, W, 3) uint8 with the colours of the classes laid over it; ``opacity`` 1 hides the image."""
    colours = colorize(label_map, palette)[..., ::-1]
    return np.rint(image * (1 - opacity) + colours * opacity).astype(np.uint8)


def displayable(pixels: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray:
    """An image of any depth and number of bands as BGR uint8 (h, w, 3): the first three bands, or grey; scaled.

    Args:
        pixels: (h, w[, C]), perhaps a part of an image.
        limits: values that are black and white, those of the whole image; None: :func:`shown_range` of ``pixels``.
    """
    three = _three(pixels)
    if three.dtype == np.uint8:
        return np.ascontiguousarray(three)
    least, most = shown_range(pixels) if limits is None else limits
    scaled = (three.astype(np.float32) - least) * (255 / max(most - least, 1e-12))
    return np.nan_to_num(scaled).clip(0, 255).astype(np.uint8)


def shown_range(pixels: np.ndarray) -> tuple[float, float]:
    """Values of an image (h, w[, C]) that its picture shows as black and as white; of 8 bits 0 and 255."""
    three = _three(pixels)
    if three.dtype == np.uint8:
        return 0.0, 255.0
    least, most = np.nanpercentile(three, (1, 99))
    return float(least), float(most)


def _three(pixels: np.ndarray) -> np.ndarray:
    """The bands of an image (h, w[, C]) that a picture shows."""
    bands = pixels[..., None] if pixels.ndim == 2 else pixels
    return bands[..., :3] if bands.shape[2] >= 3 else np.repeat(bands[..., :1], 3, axis=2)


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write a BGR or single-channel picture; folders are made as needed.

    Raises:
        InputError: the file cannot be written.
    """
    write_bytes(path, cv2.imencode('.png', picture)[1].tobytes())
