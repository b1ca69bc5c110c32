"""Images and label maps from files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import cv2
import numpy as np

from mmseg.config.values import Whole
from mmseg.datasets.labels import LabelReader
from mmseg.datasets.pipelines.fields import LABEL, with_field
from mmseg.datasets.pipelines.transform import Part, Transform
from mmseg.datasets.tiff import RGB, opencv_order, read_tiff, tiff_header
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS

COLOUR_FLAGS = {
    'color': cv2.IMREAD_COLOR,
    'grayscale': cv2.IMREAD_GRAYSCALE,
    'unchanged': cv2.IMREAD_UNCHANGED,
    'color_ignore_orientation': cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    'grayscale_ignore_orientation': cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
AS_STORED = ('unchanged', 'color_ignore_orientation', 'grayscale_ignore_orientation')
"""Ways of reading that leave an image as it is stored, whatever orientation its EXIF notes."""


WORKABLE = (np.uint8, np.uint16, np.int16, np.float32)
"""Types of pixels that can be resized; others become float32."""


def read_image(path: str | Path, color_type: str = 'color') -> np.ndarray:
    """The image in ``path`` as OpenCV reads it: uint8 (H, W, 3) BGR for 'color'.

    For 'unchanged', (H, W[, C]) of any number of bands and one of the types :data:`WORKABLE`.

    Raises:
        InputError: the file is missing or no image, its bands cannot be read, or it holds NaN.
    """
    header = tiff_header(path)
    if header is not None and not header.is_picture:
        if color_type == 'unchanged':
            return _workable(read_tiff(path, header.bands), path)
        if header.photometric != RGB:
            raise InputError(
                f'Image {str(path)!r} has {header.bands} bands that are not marked as RGB: color_type={color_type!r} '
                "would read the first one alone. Give LoadImageFromFile color_type='unchanged', and bands=[...] to "
                'choose some.'
            )
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(f'Image {str(path)!r} cannot be read: {error.strerror or error}.') from None
    with nullcontext() if header is None else without_remarks():
        try:
            img = cv2.imdecode(content, COLOUR_FLAGS[color_type]) if content.size else None
        except cv2.error:
            img = None
    if img is None:
        raise InputError(f'Image {str(path)!r} cannot be decoded. Is it an image, and complete?')
    return _workable(img, path)


@contextmanager
def without_remarks() -> Iterator[None]:
    """Keep OpenCV from remarking on the tags of each TIFF file that is read, thousands of lines in a training."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def color_type_of(path: str | Path) -> str:
    """How to read a file of which nothing is known: in colours, if all its bands are those of a picture."""
    header = tiff_header(path)
    return 'color' if header is None or header.is_picture else 'unchanged'


def _workable(img: np.ndarray, path: str | Path) -> np.ndarray:
    """``img`` in a type that steps can work on.

    Raises:
        InputError: it holds values that are no numbers.
    """
    if img.dtype not in WORKABLE:
        img = img.astype(np.float32)
    if img.dtype == np.float32 and not np.isfinite(img).all():
        raise InputError(
            f'Image {str(path)!r} holds values that are no numbers (NaN or infinite), perhaps where there are no data: '
            'fill them with a value.'
        )
    return img


def chosen_bands(img: np.ndarray, bands: Sequence[int], path: str | Path) -> np.ndarray:
    """Bands of an image as OpenCV gives it, by their numbers in the file from 0: (H, W, C), or (H, W) for one.

    Raises:
        InputError: there is no such band.
    """
    stack = img[..., None] if img.ndim == 2 else img
    count = stack.shape[2]
    if max(bands) >= count:
        raise InputError(
            f'Image {str(path)!r} has {count} band(s), 0 to {count - 1}: bands={list(bands)} of LoadImageFromFile '
            'names one that is not there.'
        )
    places = [opencv_order(count).index(band + 1) for band in bands]
    return np.ascontiguousarray(stack[..., places] if len(places) > 1 else stack[..., places[0]])


@TRANSFORMS.register_module()
class LoadImageFromFile(Transform):
    """Reads the image that ``img_prefix`` and ``img_info`` name; an ``img`` that is already there is taken as it is.

    Args:
        to_float32: give float32 (same values 0..255) instead of uint8.
        color_type: 'color', 'grayscale' or 'unchanged'. 'unchanged', 'color_ignore_orientation' and
            'grayscale_ignore_orientation' do not turn the image as its EXIF says; the data set reads its label maps
            the same way up.
        bands: with 'unchanged', the numbers of the bands to take, from 0 as they lie in the file (in a picture 0, 1, 2
            are red, green, blue), in the order in which the network shall get them; then Normalize has to_rgb=False.
            None: all, in OpenCV's order (three BGR, four BGR and the fourth).
        repeat_grey: an image of one band becomes three that are the same.
    """

    part = Part.IMAGE

    def __init__(
        self,
        *,
        to_float32: bool = False,
        color_type: str = 'color',
        bands: Sequence[Whole] | None = None,
        repeat_grey: bool = False,
    ) -> None:
        if color_type not in COLOUR_FLAGS:
            raise InputError(f'LoadImageFromFile: color_type is one of {list(COLOUR_FLAGS)}, not {color_type!r}.')
        if bands is not None and (color_type != 'unchanged' or not bands):
            raise InputError(f"LoadImageFromFile: bands={bands!r} needs color_type='unchanged' and names one or more.")
        self.bands = None if bands is None else tuple(bands)
        self.repeat_grey = repeat_grey
        self.to_float32 = to_float32
        self.color_type = color_type
        self.turn = color_type not in AS_STORED

    def read(self, path: str | Path) -> np.ndarray:
        """The pixels of a file, (H, W[, C]).

        Raises:
            InputError: it is missing, no image, or has not the bands asked for.
        """
        return self.taken(read_image(path, self.color_type), path)

    def taken(self, img: np.ndarray, path: str | Path) -> np.ndarray:
        """What is taken of a decoded image (H, W[, C]): the bands asked for, grey three times where that is wanted.

        Raises:
            InputError: it has not these bands; ``path`` is what the message calls it.
        """
        if self.bands is not None:
            img = chosen_bands(img, self.bands, path)
        if self.repeat_grey:
            if img.ndim == 3 and img.shape[2] != 1:
                raise InputError(f'Image {str(path)!r} has {img.shape[2]} bands: repeat_grey is for images of one.')
            img = np.repeat(img.reshape(*img.shape[:2], 1), 3, axis=2)
        return img

    def channels(self, bands: int) -> int:
        """Channels of what is made of a file with so many bands."""
        if self.repeat_grey:
            return 3
        if self.bands is not None:
            return len(self.bands)
        if self.color_type == 'unchanged':
            return bands
        return 3 if self.color_type.startswith('color') else 1

    def apply(self, results: dict, params: None) -> dict:
        results = dict(results)
        if 'img' not in results:
            name = results['img_info']['filename']
            results['filename'] = joined(results.get('img_prefix'), name)
            results['ori_filename'] = name
            results['img'] = self.read(results['filename'])
        img = results['img'].astype(np.float32) if self.to_float32 else results['img']
        channels = 1 if img.ndim == 2 else img.shape[2]
        results |= dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'), img.shape) | {'img': img, 'scale_factor': 1.0}
        zeros = np.zeros(channels, np.float32)
        results['img_norm_cfg'] = {'mean': zeros, 'std': zeros + 1, 'to_rgb': False}
        check_sizes(results)
        return results


@TRANSFORMS.register_module()
class LoadAnnotations(Transform):
    """Reads the label map that ``seg_prefix`` and ``ann_info`` name as train ids: ``gt_semantic_seg``, uint8 (H, W).

    The data set says what the values mean (``results['label_reader']``).

    Args:
        reduce_zero_label: value 0 is ignored and value v is class v - 1; for a pipeline without a data set,
            which otherwise says so itself.
    """

    part = Part.LABEL
    adds = (LABEL.name,)

    def __init__(self, *, reduce_zero_label: bool = False) -> None:
        self.reduce_zero_label = reduce_zero_label
        self.reader = LabelReader(reduce_zero_label=reduce_zero_label)

    def apply(self, results: dict, params: None) -> dict:
        results = dict(results)
        if 'ann_info' not in results:
            raise InputError(
                'LoadAnnotations: the data set has no ann_dir, so there are no labels to read. '
                'Give it one, or take LoadAnnotations out of the pipeline.'
            )
        path = joined(results.get('seg_prefix'), results['ann_info']['seg_map'])
        label = results.get('label_reader', self.reader)(path)
        results |= {'label_shape': label.shape, 'label_filename': path}
        results = with_field(results, LABEL, label)
        check_sizes(results)
        return results


def joined(folder: str | None, name: str) -> str:
    return name if folder is None else str(Path(folder) / name)


def check_sizes(results: dict) -> None:
    """Refuse a label whose size is not its image's, once both sizes are known."""
    if 'label_shape' not in results or 'img' not in results:
        return
    (height, width), (label_height, label_width) = results['img'].shape[:2], results['label_shape']
    if (height, width) != (label_height, label_width):
        image = results.get('filename')
        label = joined(results.get('seg_prefix'), results['ann_info']['seg_map'])
        raise InputError(size_mismatch(image, (width, height), label, (label_width, label_height)))


def size_mismatch(image: object, image_size: tuple[int, int], label: object, label_size: tuple[int, int]) -> str:
    """The sentence about an image and a label map of different (width, height)."""
    return (
        f'Image {str(image)!r} is {image_size[0]}x{image_size[1]} but its label map {str(label)!r} is '
        f'{label_size[0]}x{label_size[1]} (width x height). Do the two belong together?'
    )
