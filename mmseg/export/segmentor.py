"""An exported file in the place of a network: what predicts images looks at nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from mmengine import Config
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.export import ONNX
from mmseg.export.files import read
from mmseg.models.segmentors.base import BaseSegmentor


class ExportedSegmentor(nn.Module):
    """What :class:`mmseg.prediction.predictor.Predictor` asks of a model, from a file, on the CPU.

    Raises:
        InputError: the file cannot be read, or does the processing by itself.
    """

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        super().__init__()
        self.run, facts = read(path, trust=trust)
        if facts.processing:
            runner = 'run it with run_onnx.py (mmseg export --runner), or ' if path.suffix == ONNX else ''
            raise InputError(f'{path} prepares images by itself: {runner}export it without --processing.')
        self.path, self.size, self.align_corners = path, facts.size, facts.align_corners
        self.CLASSES, self.PALETTE = tuple(facts.classes), tuple(map(tuple, facts.palette))
        self.num_classes = len(facts.classes)
        self.cfg = Config({'data': {'test': {'type': 'CustomDataset', 'pipeline': facts.pipeline}}})
        self.register_parameter('place', nn.Parameter(torch.zeros(1), requires_grad=False))  # says: on the CPU

    def test_logits(self, img: Tensor) -> Tensor:
        """Images (B, bands, H, W) -> logits (B, classes, H, W).

        Raises:
            InputError: the file is for another size.
        """
        if self.size and tuple(img.shape[2:]) != tuple(self.size):
            height, width = self.size
            raise InputError(
                f'{self.path} takes images of {width}x{height}; the test pipeline gives {img.shape[3]}x{img.shape[2]}.'
            )
        return self.run(img.contiguous())[0]

    def content_logits(self, img: Tensor, img_meta: Mapping | Sequence[Mapping]) -> Tensor:
        return BaseSegmentor.content_logits(cast(BaseSegmentor, self), img, img_meta)

    def inference(self, img: Tensor, img_meta: Mapping | Sequence[Mapping], rescale: bool) -> Tensor:
        return BaseSegmentor.inference(cast(BaseSegmentor, self), img, img_meta, rescale)
