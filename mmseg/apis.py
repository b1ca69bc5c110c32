"""The front door for notebooks and the demo: build a segmentor, predict with it, look at the result, train.

model = init_segmentor('work_dirs/run/run.json', 'work_dirs/run/latest.pth')
label_map = inference_segmentor(model, 'street.png')[0]
show_result('street.png', label_map, model.PALETTE, out_file='street_pred.png')
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from mmengine import Config

from mmseg.config.load import load_config
from mmseg.datasets.custom import described
from mmseg.datasets.label_sets import LabelSet, label_set_of
from mmseg.datasets.loader import collate
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.loading import read_image
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import as_views, predict_batch
from mmseg.evaluation.export import overlay, write_png
from mmseg.models.weights import load_network
from mmseg.registry import DATASETS, MODELS

Image = str | Path | np.ndarray

# The coarsest step of a network: what it gets must not be shorter.
MIN_SIDE = 32


def init_segmentor(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device | None = None,
    *,
    weights: Literal['student', 'teacher'] = 'student',
    trust: bool = False,
) -> Any:
    """Build the segmentor of a config in eval mode, with attributes ``cfg``, ``CLASSES`` and ``PALETTE``.

    Args:
        config: a config file, or one that is loaded.
        checkpoint: a segmentor's or a UDA run's checkpoint; without one the weights are random.
        device: default: a GPU if there is one.
        weights: 'student' or 'teacher', the network of a UDA checkpoint to take.
        trust: load a checkpoint that holds arbitrary Python objects, and a ``.json`` config that names modules:
            both can run code.

    Raises:
        InputError: config or checkpoint are missing, unreadable, or do not fit each other.
    """
    cfg = config if isinstance(config, Config) else load_config(config, purpose='test', trust=trust)
    model = MODELS.build(without_pretrained(cfg.model))
    if checkpoint is None:
        model.init_weights()
        meta: dict[str, Any] = {}
    else:
        meta = load_network(model, checkpoint, which=weights, trust=trust)
    label_set = label_set_of_config(cfg)
    model.CLASSES = tuple(meta.get('CLASSES') or label_set.classes)
    model.PALETTE = tuple(map(tuple, meta.get('PALETTE') or label_set.palette))
    model.cfg = cfg
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
    pipeline = Compose(model.cfg.data.test.pipeline)
    device = next(model.parameters()).device
    label_maps = []
    for image in [images] if isinstance(images, str | Path | np.ndarray) else images:
        array = as_array(image)
        height, width = array.shape[:2]
        (label_map,) = predict_batch(model, collate([_sample(pipeline, array)]), device)
        label_maps.append(label_map[:height, :width].cpu().numpy())
    return label_maps


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
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        return torch.zeros(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f'Device {str(device)!r} cannot be used: {str(error).splitlines()[0]}') from None


def without_pretrained(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model config that needs no file of pretrained weights: a checkpoint brings all of them."""
    backbone = {key: value for key, value in model['backbone'].items() if key not in ('pretrained', 'init_cfg')}
    return {**model, 'backbone': backbone, 'pretrained': None}


def label_set_of_config(cfg: Config) -> LabelSet:
    """The classes of a config's test data, without looking for its files."""
    data = cfg.data.test[0] if isinstance(cfg.data.test, list) else cfg.data.test
    kind = DATASETS.get(data.type)
    base = label_set_of(data.label_set) if data.get('label_set') else getattr(kind, 'LABELS', None)
    return described(base, data.get('classes'), data.get('palette'), data.get('ignore_index'), data.type)


def as_array(image: Image) -> np.ndarray:
    """An image file or array as BGR uint8 (H, W, 3)."""
    if not isinstance(image, np.ndarray):
        return read_image(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f'An image is a BGR uint8 array (H, W, 3), not {image.dtype} {image.shape}.')
    return image


def _sample(pipeline: Compose, image: np.ndarray) -> dict[str, Any]:
    """The views of an image. One so narrow that nothing of it would reach the network is continued by its border."""
    rng = np.random.default_rng(0)
    sample = pipeline({'img': image}, rng)
    short, long = min(sorted(view.shape[-2:]) for view in as_views(sample)['img'])
    if short >= MIN_SIDE:
        return sample
    height, width = image.shape[:2]
    needed = math.ceil(max(height, width) * MIN_SIDE / long) + 1
    bottom, right = max(needed - height, 0), max(needed - width, 0)
    return pipeline({'img': cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)}, rng)
