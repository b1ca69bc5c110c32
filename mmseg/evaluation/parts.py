"""What a network predicts in parts, each alone: HRDA's context, detail, and how much of the detail it takes."""

from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmseg.errors import InputError
from mmseg.evaluation.evaluate import evaluate, predictions
from mmseg.evaluation.export import PictureNames, PredictionWriter
from mmseg.evaluation.metrics import Metrics
from mmseg.models.layers import resize

#: grey level of the value 1 in a picture of values
WHITE = 255


class PartModel(nn.Module):
    """A segmentor that predicts by one of its ``parts`` alone, for :func:`evaluate`; values become grey levels."""

    def __init__(self, segmentor: Any, part: str) -> None:
        super().__init__()
        self.segmentor = segmentor
        self.part = part

    def simple_test(self, img: Tensor, img_meta: Any, rescale: bool = True) -> Tensor:
        """(B, h, w) int64 at the original size: label maps, or grey levels in 0..255."""
        shown = copy(self.segmentor)
        shown.test_logits = partial(self.segmentor.test_part, part=self.part)
        if self.part in self.segmentor.parts:
            return shown.simple_test(img, img_meta, rescale)
        meta = img_meta if isinstance(img_meta, dict) else img_meta[0]
        values = resize(shown.content_logits(img, img_meta), meta['ori_shape'][:2], align_corners=shown.align_corners)
        return (values[:, 0].float() * WHITE).round().long()


def check_parts(segmentor: Any) -> None:
    """Refuse to show parts of a network that has none.

    Raises:
        InputError: naming its kind.
    """
    if not (segmentor.parts or segmentor.value_parts):
        raise InputError(f'{type(segmentor).__name__} predicts in one piece: there are no parts to show.')


def evaluate_parts(
    segmentor: Any,
    loader: DataLoader,
    dataset: Any,
    folder: Path,
    *,
    opacity: float = 0.5,
    progress: bool = True,
    dtype: torch.dtype | None = None,
) -> dict[str, Metrics]:
    """Predict every image by each part alone, and write ``folder/<part>/<image>.png``.

    Args:
        segmentor: with ``parts`` and ``value_parts``.
        loader: as for :func:`evaluate`; with one view of each image.
        dataset: likewise.
        folder: where the pictures go: coloured label maps, grey levels of values.
        opacity: of the colours over the image.
        progress: show a bar with the time left.
        dtype: what the network computes in.

    Returns:
        The metrics of the parts that are label maps.
    """
    name_of = PictureNames(dataset.img_infos)
    found = {}
    for part in segmentor.parts:
        with PredictionWriter(folder / part, palette=dataset.PALETTE, opacity=opacity) as writer:

            def write(label_map: np.ndarray, filename: str, index: int, writer: PredictionWriter = writer) -> None:
                writer.write(label_map, filename, name_of(filename))

            model = PartModel(segmentor, part)
            found[part] = evaluate(model, loader, dataset, on_prediction=write, progress=progress, dtype=dtype)
    device = next(segmentor.parameters()).device
    for part in segmentor.value_parts:
        with PredictionWriter(folder / part, palette=None) as writer:
            for shown in predictions(PartModel(segmentor, part), loader, device, dtype):
                writer.write(shown.label_map.cpu().numpy(), shown.filename, name_of(shown.filename))
    return found
