"""From the bytes of an image to what the page shows of a prediction."""

import base64
import re
import tempfile
import time
from pathlib import Path, PurePath
from typing import Any

import cv2
import numpy as np

from mmseg.datasets.check import header_size
from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.errors import InputError
from mmseg.evaluation.export import IGNORED, displayable
from mmseg.prediction.predictor import Predictor
from mmseg.prediction.summary import NO_CLASS

QUALITY = 95  # of the image on the page


def read_upload(content: bytes, name: str, load: LoadImageFromFile, *, most_megapixels: float) -> np.ndarray:
    """The image (H, W, C) in ``content``, a file that was called ``name``, as ``load`` reads files.

    Raises:
        InputError: it is no image that can be read, or has more than ``most_megapixels``.
    """
    ending = PurePath(name).suffix
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f'image{ending if re.fullmatch(r"[.][A-Za-z0-9]{1,8}", ending) else ""}')
        file.write_bytes(content)
        try:
            width, height = header_size(file, turn=True)
        except InputError as error:
            raise InputError(f'{name} cannot be read as an image: drop a PNG, JPEG, WebP or TIFF file.') from error
        if width * height > most_megapixels * 1e6:
            raise InputError(
                f'{name} has {width * height / 1e6:.1f} megapixels, and the page takes up to {most_megapixels:g}: make '
                'it smaller, start the page with a higher --megapixels, or use mmseg predict --tile.'
            )
        try:
            return load.read(file)
        except InputError as error:
            raise InputError(str(error).replace(str(file), name)) from error


def answer(predictor: Predictor, pixels: np.ndarray) -> dict[str, Any]:
    """What the page shows: image and map as data URIs, size, classes with colour, share and mean confidence."""
    start = time.perf_counter()
    ((block, _),) = predictor.each([pixels])
    label_map, confidence = block.label_map.cpu().numpy(), block.confidence.float().cpu().numpy()
    beyond = max(int(label_map.max()) + 1 - len(predictor.model.CLASSES), 0)  # outputs without a class
    return {
        'seconds': round(time.perf_counter() - start, 2),
        'width': label_map.shape[1],
        'height': label_map.shape[0],
        'image': _data_uri('.jpg', displayable(pixels), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]),
        'map': _data_uri('.png', packed(label_map, confidence), [cv2.IMWRITE_PNG_COMPRESSION, 1]),
        'classes': [*predictor.model.CLASSES, *[NO_CLASS] * beyond],
        'palette': [list(map(int, colour)) for colour in (*predictor.model.PALETTE, *[IGNORED] * beyond)],
        'shown': shares(label_map, confidence),
    }


def shares(label_map: np.ndarray, confidence: np.ndarray) -> list[dict[str, Any]]:
    """Id, share of the pixels and mean confidence of the classes that occur, largest first."""
    ids, counts = np.unique(label_map, return_counts=True)
    order = np.argsort(-counts, kind='stable').tolist()
    means = [float(confidence[label_map == number].mean()) for number in ids]
    return [{'id': int(ids[i]), 'share': int(counts[i]) / label_map.size, 'confidence': means[i]} for i in order]


def packed(label_map: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Class ids and confidences (0..1) of pixels (H, W) as one picture (H, W, 3), BGR uint8.

    Red is the lower byte of the id, green the higher one, blue the confidence in 255 steps: exact in a lossless file.
    """
    ids = label_map.astype(np.uint16)
    return np.dstack([np.rint(confidence * 255).astype(np.uint8), (ids >> 8).astype(np.uint8), ids.astype(np.uint8)])


def _data_uri(ending: str, picture: np.ndarray, how: list[int]) -> str:
    encoded = cv2.imencode(ending, picture, how)[1]
    kind = {'.jpg': 'jpeg', '.png': 'png'}[ending]
    return f'data:image/{kind};base64,{base64.b64encode(encoded.tobytes()).decode()}'
