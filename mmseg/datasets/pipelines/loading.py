"""Images and label maps from files."""

from pathlib import Path

import cv2
import numpy as np

from mmseg.datasets.labels import LabelReader
from mmseg.datasets.pipelines.fields import LABEL, with_field
from mmseg.datasets.pipelines.transform import Part, Transform
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


def read_image(path: str | Path, color_type: str = 'color') -> np.ndarray:
    """The image in ``path`` as OpenCV reads it: uint8 (H, W, 3) BGR for 'color'.

    Raises:
        InputError: the file is missing or no image.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(f'Image {str(path)!r} cannot be read: {error.strerror or error}.') from None
    try:
        img = cv2.imdecode(content, COLOUR_FLAGS[color_type]) if content.size else None
    except cv2.error:
        img = None
    if img is None:
        raise InputError(f'Image {str(path)!r} cannot be decoded. Is it an image, and complete?')
    return img


@TRANSFORMS.register_module()
class LoadImageFromFile(Transform):
    """Reads the image that ``img_prefix`` and ``img_info`` name; an ``img`` that is already there is taken as it is.

    Args:
        to_float32: give float32 (same values 0..255) instead of uint8.
        color_type: 'color', 'grayscale' or 'unchanged'. 'unchanged', 'color_ignore_orientation' and
            'grayscale_ignore_orientation' do not turn the image as its EXIF says; the data set reads its label maps
            the same way up.
    """

    part = Part.IMAGE

    def __init__(self, *, to_float32: bool = False, color_type: str = 'color') -> None:
        if color_type not in COLOUR_FLAGS:
            raise InputError(f'LoadImageFromFile: color_type is one of {list(COLOUR_FLAGS)}, not {color_type!r}.')
        self.to_float32 = to_float32
        self.color_type = color_type
        self.turn = color_type not in AS_STORED

    def apply(self, results: dict, params: None) -> dict:
        results = dict(results)
        if 'img' not in results:
            name = results['img_info']['filename']
            results['filename'] = joined(results.get('img_prefix'), name)
            results['ori_filename'] = name
            results['img'] = read_image(results['filename'], self.color_type)
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
