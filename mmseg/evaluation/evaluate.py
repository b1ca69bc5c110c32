"""The one evaluation: during training, of a checkpoint, and of a work directory."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from mmseg.datasets.pipelines.loading import size_mismatch
from mmseg.errors import InputError
from mmseg.evaluation.metrics import ConfusionMatrix, Metrics

OnPrediction = Callable[[np.ndarray, str, int], None]


@dataclass(frozen=True, eq=False)
class Prediction:
    """The label map (h, w) of one image at its original size, on the device, and where it came from."""

    label_map: Tensor
    filename: str
    index: int


def evaluate(
    model: nn.Module,
    loader: DataLoader,
    dataset: Any,
    *,
    device: torch.device | str | None = None,
    on_prediction: OnPrediction | None = None,
    progress: bool = True,
) -> Metrics:
    """Predict every image of ``loader`` and compare it with its label; no prediction is kept.

    Args:
        model: anything with ``simple_test`` and ``aug_test``: a segmentor or a UDA method (its student).
        loader: test batches of ``dataset``; in a distributed run those of this process, so that together the
            processes have every image once.
        dataset: gives ``label_set``, ``ignore_index``, ``label_of(index)`` and ``label_path(index)``.
        device: where to predict and count; default: where the model is.
        on_prediction: called with the label map, the name of the image file and the index of the image.
        progress: show a bar with the time left.

    Raises:
        InputError: an image and its label differ in size, or a label is no class; names the files.
    """
    device = torch.device(device) if device is not None else next(model.parameters()).device
    confusion = ConfusionMatrix(len(dataset.label_set.classes), dataset.ignore_index, device)
    with tqdm(total=len(loader), desc='evaluating', unit='batch', disable=not progress, leave=False) as bar:
        for prediction in predictions(model, loader, device):
            label = torch.from_numpy(np.array(dataset.label_of(prediction.index)))
            with _naming(prediction, label, dataset):
                confusion.update(prediction.label_map, label)
            if on_prediction is not None:
                on_prediction(prediction.label_map.cpu().numpy(), prediction.filename, prediction.index)
            bar.update()
    confusion.reduce()
    return confusion.metrics()


@torch.no_grad()
def predictions(model: nn.Module, loader: DataLoader, device: torch.device) -> Iterator[Prediction]:
    """Label maps of all images of ``loader``, one at a time, with the model in eval mode meanwhile."""
    was_training = model.training
    model.eval()
    try:
        assert loader.batch_sampler is not None, 'a loader of batches'
        for indices, batch in zip(loader.batch_sampler, loader, strict=True):
            files = [meta['filename'] for meta in as_views(batch)['img_metas'][0]]
            for found in zip(predict_batch(model, batch, device), files, indices, strict=True):
                yield Prediction(*found)
    finally:
        model.train(was_training)


def predict_batch(model: Any, batch: dict, device: torch.device) -> Iterator[Tensor]:
    """Label maps (h, w), each at its image's original size.

    ``batch`` has an entry of ``img`` (B, 3, H, W) and of ``img_metas`` (B dicts) per view of the images. Images are
    predicted one by one: their original sizes may differ, and at original size one is large enough.
    """
    batch = as_views(batch)
    for i in range(len(batch['img'][0])):
        views = [images[i : i + 1].to(device, non_blocking=True) for images in batch['img']]
        metas = [view_metas[i] for view_metas in batch['img_metas']]
        if len(views) == 1:
            yield model.simple_test(views[0], metas[0], rescale=True)[0]
        else:
            yield model.aug_test(views, metas, rescale=True)[0]


def as_views(batch: dict) -> dict:
    """``batch`` with a list of views, also where the pipeline has no step that makes several."""
    return {key: [batch[key]] if isinstance(batch['img'], Tensor) else batch[key] for key in ('img', 'img_metas')}


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
