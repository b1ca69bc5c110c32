"""The front door for notebooks and the demo: build a segmentor, predict with it, look at the result, train.

model = init_segmentor('work_dirs/run/run.json', 'work_dirs/run/latest.pth')
found = predict(model, 'street.png')
found.label_map, found.confidence, found.picture()
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from mmengine import Config

from mmseg.arithmetic import require_driver, set_tf32
from mmseg.config.load import load_config
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.loader import collate, label_sets_of
from mmseg.datasets.pipelines.loading import color_type_of, read_image
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import predict_batch
from mmseg.evaluation.export import displayable, overlay, write_png
from mmseg.evaluation.origin import checkpoint_in_words
from mmseg.models.weights import load_network
from mmseg.prediction.inputs import ChannelOrder, bits_of, images_of, name_of, pixels_of
from mmseg.prediction.predictor import Predictor, loading_step, sample_of, test_pipeline, test_steps
from mmseg.prediction.rasters import ArrayRaster
from mmseg.prediction.remarks import Remarks
from mmseg.prediction.result import Prediction, prediction_of
from mmseg.prediction.tiles import Tiling
from mmseg.registry import MODELS

Image = str | Path | np.ndarray
WHOEVER_CALLS = 4
"""The frame that a warning names: behind those of :class:`Remarks` and of the function here."""


class Origin(NamedTuple):
    """Which network of a run this is, 'student' or 'teacher', and from which of its checkpoints, in words."""

    weights: str
    checkpoint: str


def init_segmentor(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device | None = None,
    *,
    weights: Literal['student', 'teacher'] | None = None,
    trust: bool = False,
) -> Any:
    """Build the segmentor of a config in eval mode, with attributes ``cfg``, ``CLASSES``, ``PALETTE`` and ``origin``.

    Args:
        config: a config file, or one that is loaded.
        checkpoint: a segmentor's or a UDA run's checkpoint; without one the weights are random.
        device: default: a GPU if there is one.
        weights: 'student' or 'teacher', the network of a UDA checkpoint to take; None: ``evaluation.weights`` of the
            config, which is the student where it does not say.
        trust: load a checkpoint that holds arbitrary Python objects, and a ``.json`` config that names modules:
            both can run code.

    Raises:
        InputError: config or checkpoint are missing, unreadable, or do not fit each other.
    """
    cfg = config if isinstance(config, Config) else load_config(config, purpose='test', trust=trust)
    # a checkpoint of what learned alone is completed from what the run started from, which no other checkpoint needs
    model = MODELS.build(without_pretrained(cfg.model) if checkpoint is None else cfg.model)
    if checkpoint is None:
        model.init_weights()
        meta: dict[str, Any] = {}
    else:
        which = weights or weights_of(cfg)
        meta = load_network(
            model, checkpoint, which=which, trust=trust, plain_too=weights is None, load_from=cfg.get('load_from')
        )
    label_set = label_set_of_config(cfg)
    model.CLASSES = tuple(meta.get('CLASSES') or label_set.classes)
    model.PALETTE = tuple(map(tuple, meta.get('PALETTE') or label_set.palette))
    model.cfg = cfg
    known = meta.get('weights') if meta.get('weights') in ('student', 'teacher') else None  # of a published file
    max_iters = (cfg.get('runner') or {}).get('max_iters')
    model.origin = Origin(known or weights or weights_of(cfg), checkpoint_in_words(meta, max_iters))
    set_tf32(cfg.get('tf32', False))
    return model.to(device_named(device)).eval()


@torch.no_grad()
def inference_segmentor(model: Any, images: Image | Sequence[Image]) -> list[np.ndarray]:
    """Label maps (H, W) of images, each in its image's own size.

    Args:
        model: from :func:`init_segmentor`; its config's test pipeline prepares the images.
        images: one or several files or BGR uint8 arrays (H, W, 3), of any size and aspect ratio.

    Raises:
        InputError: a file is no readable image.
    """
    pipeline = test_pipeline(test_steps(model.cfg))
    load = loading_step(pipeline)
    device = next(model.parameters()).device
    label_maps = []
    remarks = Remarks(partial(warnings.warn, stacklevel=WHOEVER_CALLS))
    for image in [images] if isinstance(images, str | Path | np.ndarray) else images:
        array = load.read(image) if isinstance(image, str | Path) else as_array(image)
        remarks.bits(name_of(image), bits_of(image), load)
        height, width = array.shape[:2]
        (label_map,) = predict_batch(model, collate([sample_of(pipeline, array)]), device)
        label_maps.append(label_map[:height, :width].cpu().numpy())
    remarks.end()
    return label_maps


def predict(
    model: Any,
    images: Any,
    *,
    return_probs: bool = False,
    channel_order: ChannelOrder = 'rgb',
    batch: int = 1,
    tile: int | None = None,
    overlap: int | None = None,
    scale: float = 1.0,
) -> Prediction | list[Prediction]:
    """Label map, confidence and picture of an image, or of each of several; a notebook shows the picture.

    Args:
        model: from :func:`init_segmentor`.
        images: a path, an array (H, W[, C]) uint8, a PIL image, a tensor (C, H, W) (uint8, or float in 0..1); or
            several: a list of them, an array (B, H, W, C), a tensor (B, C, H, W).
        return_probs: also keep the probabilities (classes, H, W).
        channel_order: of arrays and tensors; 'bgr' is what OpenCV reads.
        batch: images, or windows, that the network sees together.
        tile: side of windows for images too large to be predicted at once, see docs/predict.md.
        overlap: pixels that windows share; default: a quarter of ``tile``.
        scale: size at which the network sees windows.

    Returns:
        One prediction for one image, a list for several.

    Raises:
        InputError: something given is no image, or a file cannot be read.

    Warns (:mod:`warnings`) of what the network does not get to see: bits beyond 8, things that become too small.
    """
    tiling = None if tile is None else Tiling(size=tile, overlap=tile // 4 if overlap is None else overlap, batch=batch)
    predictor = Predictor(model, tiling=tiling, scale=scale, keep_probs=return_probs)
    singles, alone = images_of(images)
    found: list[Prediction] = []
    remarks = Remarks(partial(warnings.warn, stacklevel=WHOEVER_CALLS))
    for first in range(0, len(singles), batch):
        chunk = singles[first : first + batch]
        pixels = [pixels_of(image, channel_order, predictor.load) for image in chunk]
        for image, array, (block, shrinkage) in zip(
            chunk, pixels, predictor.each(pixels, [name_of(image) for image in chunk]), strict=True
        ):
            remarks.bits(name_of(image), bits_of(image), predictor.load)
            remarks.values(name_of(image), ArrayRaster(array).sample(), predictor.normalize)
            remarks.shrinkage(name_of(image), shrinkage)
            found.append(prediction_of(model, array, block))
    remarks.end()
    return found[0] if alone else found


def show_result(
    image: Image,
    label_map: np.ndarray,
    palette: Sequence[Sequence[int]],
    opacity: float = 0.5,
    out_file: str | Path | None = None,
) -> np.ndarray:
    """Lay the colours of ``label_map`` over ``image``; returns BGR uint8 (H, W, 3), and writes it as PNG."""
    picture = overlay(as_array(image), label_map, palette, opacity)
    if out_file is not None:
        write_png(Path(out_file), picture)
    return picture


def train_segmentor(cfg: Config, resume: Path | None = None) -> Path:
    """Train as ``run_experiments.py`` does; returns the work directory."""
    from mmseg.engine.train import train  # noqa: PLC0415 (slow to import, and needed for nothing else here)

    return train(cfg, resume=resume)


def device_named(device: str | torch.device | None) -> torch.device:
    """The device to compute on; None is a GPU if there is one.

    Raises:
        InputError: no such device here.
    """
    if device is None:
        require_driver('compute on the CPU: device cpu (--device cpu)')
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        return torch.zeros(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f'Device {str(device)!r} cannot be used: {str(error).splitlines()[0]}') from None


def weights_of(cfg: Mapping[str, Any]) -> Literal['student', 'teacher']:
    """The network that a config evaluates."""
    return 'teacher' if (cfg.get('evaluation') or {}).get('weights') == 'teacher' else 'student'


def without_pretrained(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model config that needs no file of pretrained weights: a checkpoint brings all of them."""
    backbone = {key: value for key, value in model['backbone'].items() if key not in ('pretrained', 'init_cfg')}
    return {**model, 'backbone': backbone, 'pretrained': None}


def label_set_of_config(cfg: Config) -> LabelSet:
    """The classes of a config's test data, without looking for its files."""
    found = next(label_sets_of(cfg.data.test), None)
    if found is None:
        raise InputError('data.test names no classes and no label_set: what does the network predict?')
    return found


def as_array(image: Image) -> np.ndarray:
    """An image file or array as BGR uint8 (H, W, 3); of a file with other bands or depth, a picture of it."""
    if not isinstance(image, np.ndarray):
        return displayable(read_image(image, color_type_of(image)))
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f'An image is a BGR uint8 array (H, W, 3), not {image.dtype} {image.shape}.')
    return image
