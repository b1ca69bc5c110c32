"""A network and its test pipeline -> label maps with confidences, of whole images or through windows."""

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from mmseg.config.components import told_with_place
from mmseg.config.leaves import first_leaf
from mmseg.datasets.bands import all_steps
from mmseg.datasets.loader import collate_images
from mmseg.datasets.pipelines.colour_steps import Rerange
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.datasets.pipelines.photometric import Normalize
from mmseg.datasets.pipelines.test_time_aug import refuse_steps_of_training
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import as_views, parts_of
from mmseg.models.segmentors.label_maps import label_maps, score_strips
from mmseg.prediction.block import Block, joined
from mmseg.prediction.rasters import ArrayRaster, Raster
from mmseg.prediction.tiles import Tiling, tiled

# The coarsest step of a network: what it gets must not be shorter.
MIN_SIDE = 32
UNNAMED = 'image'
"""What messages call an image that is no file."""


class Whole(NamedTuple):
    """A whole image's prediction; ``shrinkage``: pixels (along a side) that became one for the network."""

    block: Block
    shrinkage: float


class Predictor:
    """Predicts images the way ``mmseg test`` does, or through windows.

    Args:
        model: from :func:`mmseg.apis.init_segmentor`; the test pipeline of its config prepares the images.
        tiling: predict through windows, which the network sees at ``scale`` instead of the pipeline's image size.
        scale: factor from an image's pixels to the network's, for windows.
        keep_probs: give the probabilities of all classes, not only the best one's.
        dtype: what the network computes in (autocast); None is float32.
    """

    def __init__(
        self,
        model: Any,
        *,
        tiling: Tiling | None = None,
        scale: float = 1.0,
        keep_probs: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        steps = test_steps(model.cfg)
        self.model = model
        self.tiling = tiling
        self.keep_probs = keep_probs
        self.dtype = dtype
        self.pipeline = test_pipeline(steps if tiling is None else at_scale(steps, scale))
        self.device = next(model.parameters()).device

    @property
    def load(self) -> LoadImageFromFile:
        """How the pipeline reads an image file."""
        return loading_step(self.pipeline)

    @property
    def normalize(self) -> Normalize | None:
        """The step that says around which values the images of the training lay; None where no step does."""
        steps = all_steps(self.pipeline.transforms)
        if any(isinstance(step, Rerange) for step in steps):  # it gets values of another range than files have
            return None
        return next((step for step in steps if isinstance(step, Normalize)), None)

    @torch.no_grad()
    def whole(self, images: Sequence[np.ndarray], names: Sequence[str] = ()) -> Iterator[Whole]:
        """One prediction an image (H, W, C), in order; images of one size go through the network together.

        Raises:
            InputError: an image does not fit the network; it is called by its name.
        """
        batch = self._batch(images, names)
        found = (
            (block, meta['img_shape'])
            for views, metas in parts_of(batch, self.device)
            for block, meta in zip(
                _blocks(self.model, views, metas, self.dtype, self.keep_probs), metas[0], strict=True
            )
        )
        for image, (block, shape) in zip(images, found, strict=True):
            height, width = image.shape[:2]
            yield Whole(cut(block, height, width), max(height, width) / max(shape[:2]))

    @torch.no_grad()
    def blocks(self, raster: Raster, name: str = UNNAMED) -> Iterator[Block]:
        """The blocks of an image through windows, covering it without overlap.

        Raises:
            InputError: the image does not fit the network; it is called by its name.
        """
        assert self.tiling is not None
        for block in tiled(partial(self.probabilities, name=name), raster, self.tiling):
            yield block if self.keep_probs else block._replace(probs=None)

    def each(self, images: Sequence[np.ndarray], names: Sequence[str] = ()) -> Iterator[Whole]:
        """One prediction an image (H, W, C), in order, whole or joined of its windows, which do not shrink it."""
        if self.tiling is None:
            yield from self.whole(images, names)
        else:
            for image, name in zip(images, names or [UNNAMED] * len(images), strict=True):
                yield Whole(joined(list(self.blocks(ArrayRaster(image), name))), 1.0)

    @torch.no_grad()
    def probabilities(self, images: Sequence[np.ndarray], name: str = UNNAMED) -> Tensor:
        """Images (H, W, C) of one size -> probabilities (B, classes, H, W), float32."""
        batch = self._batch(images, [name] * len(images))
        height, width = images[0].shape[:2]
        parts = [_mean(self.model, views, metas, self.dtype) for views, metas in parts_of(batch, self.device)]
        return torch.cat(parts)[..., :height, :width]

    def _batch(self, images: Sequence[np.ndarray], names: Sequence[str]) -> dict[str, Any]:
        named = zip(images, names or [UNNAMED] * len(images), strict=True)
        return collate_images([sample_of(self.pipeline, image, name) for image, name in named])


def test_steps(cfg: Any) -> list[dict]:
    """How a config prepares the images of ``data.test``.

    Raises:
        InputError: it does not say.
    """
    steps = first_leaf(cfg.data.test).get('pipeline')
    if not isinstance(steps, list | tuple) or not all(isinstance(step, dict) for step in steps):
        raise InputError('data.test.pipeline has to be a list of steps, dict(type=...): how are images prepared?')
    return list(steps)


def test_pipeline(steps: Sequence[dict]) -> Compose:
    """The pipeline of these steps, none of which moves pixels for good.

    Raises:
        InputError: a step cannot be built, or is one of training.
    """
    pipeline = told_with_place('data.test.pipeline', lambda: Compose(steps))
    refuse_steps_of_training(pipeline)
    return pipeline


def loading_step(pipeline: Compose) -> LoadImageFromFile:
    """How a pipeline reads an image file."""
    loaders = [step for step in pipeline.transforms if isinstance(step, LoadImageFromFile)]
    return loaders[0] if loaders else LoadImageFromFile()


def at_scale(steps: Sequence[dict], scale: float) -> list[dict]:
    """A test pipeline of one view whose images keep their own size times ``scale``."""
    made = []
    for step in deepcopy(list(map(dict, steps))):
        if step.get('type') == 'MultiScaleFlipAug':
            step |= {'img_scale': None, 'img_ratios': [scale], 'flip': False}
        elif 'img_scale' in step:
            step |= {'img_scale': None, 'ratio_range': (scale, scale)}
        made.append(step)
    return made


def sample_of(pipeline: Compose, image: np.ndarray, name: str = UNNAMED) -> dict[str, Any]:
    """The views of an image. One so narrow that nothing of it would reach the network is continued by its border.

    Raises:
        InputError: it does not fit the network; it is called ``name``.
    """
    rng = np.random.default_rng(0)
    given = {'filename': name, 'ori_filename': name}
    sample = pipeline({**given, 'img': image}, rng)
    short, long = min(sorted(view.shape[-2:]) for view in as_views(sample)['img'])
    if short >= MIN_SIDE:
        return sample
    height, width = image.shape[:2]
    needed = math.ceil(max(height, width) * MIN_SIDE / long) + 1
    bottom, right = max(needed - height, 0), max(needed - width, 0)
    return pipeline({**given, 'img': cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)}, rng)


def cut(block: Block, height: int, width: int) -> Block:
    """The upper left corner of a block, where the image is; the rest continued its border."""
    probs = None if block.probs is None else block.probs[:, :height, :width]
    label_map, confidence = block.label_map[:height, :width], block.confidence[:height, :width]
    return Block(slice(0, height), slice(0, width), label_map, confidence, probs)


def _blocks(
    model: Any, views: list[Tensor], metas: list[list[dict]], dtype: torch.dtype | None, keep_probs: bool
) -> Iterator[Block]:
    """What the network says of images that agree in size; a single view is judged as ``mmseg test`` does."""
    if len(views) > 1 or metas[0][0].get('flip'):
        for probs in _mean(model, views, metas, dtype):
            confidence, label_map = probs.max(dim=0)
            yield _block(label_map, confidence, probs if keep_probs else None)
        return
    with _autocast(views[0], dtype):
        logits = model.content_logits(views[0], metas[0])
    height, width = metas[0][0]['ori_shape'][:2]
    found = label_maps(logits, (height, width), align_corners=model.align_corners)
    for image, label_map in zip(logits, found, strict=True):
        confidence, probs = _scores(image[None], (height, width), model.align_corners, keep_probs)
        yield _block(label_map, confidence, probs)


def _scores(
    logits: Tensor, size: tuple[int, int], align_corners: bool, keep_probs: bool
) -> tuple[Tensor, Tensor | None]:
    """The best probability (h, w), and if asked for all of them (C, h, w), made a strip of rows at a time."""
    confidence = torch.empty(size, device=logits.device)
    probs = torch.empty((logits.shape[1], *size), device=logits.device) if keep_probs else None
    for start, scores in score_strips(logits, size, align_corners=align_corners):
        strip = scores[0].softmax(dim=0)
        rows = slice(start, start + strip.shape[1])
        confidence[rows] = strip.amax(dim=0)
        if probs is not None:
            probs[:, rows] = strip
    return confidence, probs


def _mean(model: Any, views: list[Tensor], metas: list[list[dict]], dtype: torch.dtype | None) -> Tensor:
    """Probabilities (B, C, h, w), the mean over the views."""
    total: Tensor | None = None
    for view, meta in zip(views, metas, strict=True):  # one at a time: probabilities of a large image are large
        with _autocast(view, dtype):
            found = model.inference(view, meta, rescale=True).float()
        total = found if total is None else total.add_(found)
    assert total is not None
    return total / len(views)


def _autocast(view: Tensor, dtype: torch.dtype | None) -> torch.autocast:
    return torch.autocast(view.device.type, dtype, enabled=dtype not in (None, torch.float32))


def _block(label_map: Tensor, confidence: Tensor, probs: Tensor | None) -> Block:
    height, width = label_map.shape
    return Block(slice(0, height), slice(0, width), label_map, confidence, probs)
