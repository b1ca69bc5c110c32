"""The one evaluation: during training, of a checkpoint, and of a work directory."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.utils.data import DataLoader

from mmseg.compiled import begin_step, without_compiling
from mmseg.datasets.batch import to_network
from mmseg.datasets.loader import DataLost
from mmseg.datasets.pipelines.fields import tensor_of
from mmseg.datasets.pipelines.loading import size_mismatch
from mmseg.errors import InputError
from mmseg.evaluation.metrics import ConfusionMatrix, Metrics
from mmseg.progress import progress_bar

OnPrediction = Callable[[np.ndarray, str, int], None]


@dataclass(frozen=True, eq=False)
class Prediction:
    """The label map (h, w) of one image at its original size, on the device, and where it came from."""

    label_map: Tensor
    filename: str
    index: int
    label: Tensor | None = None
    """Its ground truth, if the loader read it along."""


class EvaluationStopped(Exception):  # noqa: N818 (an interruption is no error)
    """An evaluation was given up before its last image."""


def evaluate(
    model: nn.Module,
    loader: DataLoader,
    dataset: Any,
    *,
    device: torch.device | str | None = None,
    on_prediction: OnPrediction | None = None,
    progress: bool = True,
    dtype: torch.dtype | None = None,
    stop: Callable[[], bool] | None = None,
) -> Metrics:
    """Predict every image of ``loader`` and compare it with its label; no prediction is kept.

    The labels come with the batches where the loader reads them (:func:`mmseg.datasets.loader.build_test_loader`).

    Args:
        model: anything with ``simple_test`` and ``aug_test``: a segmentor or a UDA method (its student).
        loader: test batches of ``dataset``; in a distributed run those of this process, so that together the
            processes have every image once.
        dataset: gives ``label_set``, ``ignore_index``, ``label_of(index)`` and ``label_path(index)``.
        device: where to predict and count; default: where the model is.
        on_prediction: called with the label map, the name of the image file and the index of the image.
        progress: show a bar with the time left, on a terminal.
        dtype: what the network computes in (autocast), as ``torch.bfloat16``; None is float32. Logits are
            resized and compared as float32 either way.
        stop: asked after every image; where it says so in any process, the rest is left out in that one. Given in all
            processes or in none.

    Raises:
        EvaluationStopped: ``stop`` said so, in this or another process, or another one has no data any more.
        DataLost: no more images come; see :mod:`mmseg.datasets.loader`.
        InputError: an image and its label differ in size, or a label is no class; names the files.
    """
    device = torch.device(device) if device is not None else next(model.parameters()).device
    confusion = ConfusionMatrix(len(dataset.label_set.classes), dataset.ignore_index, device)
    assert loader.batch_sampler is not None, 'a loader of batches'
    images = sum(map(len, loader.batch_sampler)) if progress else None
    end: Exception | None = None
    with progress_bar(total=images, desc='evaluating', unit='image', shown=progress, leave=False) as bar:
        try:
            for prediction in predictions(model, loader, device, dtype):
                _count(prediction, dataset, confusion)
                if on_prediction is not None:
                    on_prediction(prediction.label_map.cpu().numpy(), prediction.filename, prediction.index)
                bar.update()
                if stop is not None and stop():
                    raise EvaluationStopped
        except (EvaluationStopped, DataLost) as error:
            end = error
        except InputError as error:
            if stop is None:
                raise
            end = error
    if (end is not None) if stop is None else _anywhere(end is not None, device):
        raise end or EvaluationStopped
    _check(confusion, dataset, loader)
    confusion.reduce()
    return confusion.metrics()


def predict_only(
    model: nn.Module,
    loader: DataLoader,
    on_prediction: OnPrediction,
    *,
    progress: bool = True,
    dtype: torch.dtype | None = None,
) -> None:
    """Predict every image of ``loader``, which has no labels; arguments as for :func:`evaluate`."""
    assert loader.batch_sampler is not None, 'a loader of batches'
    images = sum(map(len, loader.batch_sampler)) if progress else None
    device = next(model.parameters()).device
    with progress_bar(total=images, desc='predicting', unit='image', shown=progress, leave=False) as bar:
        for prediction in predictions(model, loader, device, dtype):
            on_prediction(prediction.label_map.cpu().numpy(), prediction.filename, prediction.index)
            bar.update()


def _count(prediction: Prediction, dataset: Any, confusion: ConfusionMatrix) -> None:
    """Compare a prediction with its label, read now where the loader has not."""
    label = prediction.label
    if label is None:
        label = tensor_of(dataset.label_of(prediction.index))
    with _naming(prediction, label, dataset):
        confusion.update(prediction.label_map, label.to(prediction.label_map.device, non_blocking=True))


def _anywhere(flag: bool, device: torch.device) -> bool:
    """Whether ``flag`` is set in any process of a distributed run."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return flag
    flags = torch.tensor([flag], dtype=torch.uint8, device=device)
    distributed.all_reduce(flags, distributed.ReduceOp.MAX)
    return bool(flags)


@torch.no_grad()
def predictions(
    model: nn.Module, loader: DataLoader, device: torch.device, dtype: torch.dtype | None = None
) -> Iterator[Prediction]:
    """Label maps of all images of ``loader``, one at a time, with the model in eval mode meanwhile."""
    was_training = model.training
    model.eval()
    try:
        assert loader.batch_sampler is not None, 'a loader of batches'
        for indices, batch in zip(loader.batch_sampler, loader, strict=True):
            begin_step()
            files = [meta['filename'] for meta in as_views(batch)['img_metas'][0]]
            labels = batch.get('label', [None] * len(files))
            for found in zip(predict_batch(model, batch, device, dtype), files, indices, labels, strict=True):
                yield Prediction(*found)
    finally:
        model.train(was_training)


def predict_batch(model: Any, batch: dict, device: torch.device, dtype: torch.dtype | None = None) -> Iterator[Tensor]:
    """Label maps (h, w), each at its image's original size.

    Images of one size, original size and flip are predicted together, others one by one.

    Args:
        model: as for :func:`evaluate`.
        batch: an entry of ``img`` ((B, 3, H, W), or a list of (1, 3, H, W)) and of ``img_metas`` (B dicts) per view of
            the images; or the views themselves where there is one.
        device: where to predict.
        dtype: as for :func:`evaluate`.
    """
    for images, metas in parts_of(batch, device):
        yield from _predicted(model, images, metas, dtype)


def parts_of(batch: dict, device: torch.device) -> Iterator[tuple[list[Tensor], list[list[dict]]]]:
    """What goes through a network together: images (B, 3, H, W) on ``device`` and their B meta data, by view.

    Images of one size, original size and flip are one part, others one by one; ``batch`` as for
    :func:`predict_batch`.
    """
    batch = as_views(batch)
    count = len(batch['img'][0])
    together = count == 1 or all(map(_alike, batch['img'], batch['img_metas']))
    for part in [slice(0, count)] if together else [slice(i, i + 1) for i in range(count)]:
        metas = [view[part] for view in batch['img_metas']]
        images = [_on(device, view[part], view_metas) for view, view_metas in zip(batch['img'], metas, strict=True)]
        yield images, metas


def _predicted(model: Any, views: list[Tensor], metas: list[list[dict]], dtype: torch.dtype | None) -> Iterator[Tensor]:
    """Label maps of the images, given a tensor (B, 3, H, W) and B meta data a view."""
    given: list[Any] = [view[0] if len(view) == 1 else view for view in metas]
    precision = torch.autocast(views[0].device.type, dtype, enabled=dtype not in (None, torch.float32))
    with precision, without_compiling():
        found = (
            model.simple_test(views[0], given[0], rescale=True)
            if len(views) == 1
            else model.aug_test(views, given, rescale=True)
        )
    yield from found


def _on(device: torch.device, images: Tensor | list[Tensor], metas: list[dict]) -> Tensor:
    """The images of one view on ``device``, normalised if they still have to be."""
    stacked = images if isinstance(images, Tensor) else images[0]
    return to_network({'img': stacked.to(device, non_blocking=True), 'img_metas': metas})['img']


def _alike(images: Tensor | list[Tensor], metas: list[dict]) -> bool:
    """Whether images of one view can be predicted together."""
    keys = ('ori_shape', 'img_shape', 'flip', 'flip_direction')
    facts = {str([meta.get(key) for key in keys]) for meta in metas}
    return isinstance(images, Tensor) and len(facts) == 1


def as_views(batch: dict) -> dict:
    """``batch`` with a list of views, also where the pipeline has no step that makes several."""
    return {key: [batch[key]] if isinstance(batch['img'], Tensor) else batch[key] for key in ('img', 'img_metas')}


def _check(confusion: ConfusionMatrix, dataset: Any, loader: DataLoader) -> None:
    """Refuse labels that are no class; which file has them is looked for only once there are some.

    Raises:
        InputError: naming the first file.
    """
    try:
        confusion.check()
    except InputError:
        for index in (index for indices in loader.batch_sampler or () for index in indices):
            label = tensor_of(dataset.label_of(index))
            try:
                one = ConfusionMatrix(confusion.num_classes, confusion.ignore_index)
                one.update(label, label)
                one.check()
            except InputError as error:
                raise InputError(f'{dataset.label_path(index)}: {error}') from None
        raise


@contextlib.contextmanager
def _naming(prediction: Prediction, label: Tensor, dataset: Any) -> Iterator[None]:
    """Name the files of an image that cannot be compared with its label."""
    label_file = dataset.label_path(prediction.index)
    if prediction.label_map.shape != label.shape:
        height, width = prediction.label_map.shape
        image = prediction.filename, (width, height)
        raise InputError(size_mismatch(*image, label_file, (label.shape[1], label.shape[0])))
    try:
        yield
    except InputError as error:
        raise InputError(f'{label_file}: {error}') from None
