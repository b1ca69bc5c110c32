"""The detail crop of CLUDA (Vayyat et al., 2022, arXiv 2208.14227): where the context alone is least certain."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mmseg.models.layers import resize
from mmseg.models.layers.box import Box, BoxPerImage
from mmseg.models.segmentors.hrda_encoder_decoder import HRDAEncoderDecoder
from mmseg.models.uda.batch import Batch
from mmseg.models.uda.further_term import FurtherTerm
from mmseg.models.uda.min_ent import entropy_map
from mmseg.models.uda.uda_decorator import Term, UDADecorator, require
from mmseg.registry import MODELS


def most_uncertain(entropy: Tensor, boxes: Sequence[Box], size: tuple[int, int]) -> BoxPerImage:
    """For each image the box with the largest mean entropy; the first of several.

    Args:
        entropy: (B, 1, h, w), of maps of whole images.
        boxes: to choose from, in pixels of the images.
        size: (H, W) of the images.
    """
    whole = resize(entropy, size)
    means = torch.stack([box.cut(whole).mean(dim=(1, 2, 3)) for box in boxes])
    return BoxPerImage(tuple(boxes[i] for i in means.argmax(dim=0).tolist()))


@MODELS.register_module()
class UncertainDetail(FurtherTerm):
    """It adds no loss: from an iteration on, it places HRDA's detail crop of each mixed image.

    To choose from are the windows that cover the image in testing. The context prediction is made for it, with layers
    as in testing: no dropout, and nothing that a batch norm remembers.

    Args:
        start: the first iteration that it acts in, 0 or more.

    Raises:
        InputError: the setting is out of its range, or does not fit the method.
    """

    name = 'uncertain_detail'

    def __init__(self, *, start: int = 12000) -> None:
        super().__init__()
        require(start >= 0, 'UncertainDetail: start', start, 'a number of iterations')
        self.start = start

    def attach(self, method: UDADecorator) -> None:
        kind = type(method.model).__name__
        require(
            isinstance(method.model, HRDAEncoderDecoder), 'model.type', kind, 'HRDAEncoderDecoder (UncertainDetail)'
        )
        mixes = method.labels_target and method.needs_source
        require(mixes, 'uda.type', type(method).__name__, 'a method that mixes images (UncertainDetail)')

    def prepare(self, method: UDADecorator, batch: Batch) -> None:
        if method.steps < self.start:
            return
        assert batch.mixed is not None
        img, student = batch.mixed.img, method.model
        assert isinstance(student, HRDAEncoderDecoder)
        student.eval()
        try:
            entropy = entropy_map(student.context_logits(img))
        finally:
            student.train()
        size = (img.shape[2], img.shape[3])
        batch.mixed.view = most_uncertain(entropy, student.sliding(size), size)
        batch.extra['entropy of the context, mixed (white: all classes alike)'] = resize(entropy, size)

    def loss_terms(self, method: UDADecorator, batch: Batch) -> Iterator[Term]:
        yield from ()
