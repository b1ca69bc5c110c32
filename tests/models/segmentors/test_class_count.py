"""Memory of the loss, of the pseudo-label and of the label map grows by the same for each further class."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmseg.models.graph_memory import PeakMemory
from mmseg.models.segmentors.label_maps import label_maps
from mmseg.models.uda.pseudo_label import pseudo_label
from mmseg.registry import MODELS


def loss(logits: Tensor) -> None:
    head = {'type': 'FCNHead', 'in_channels': 4, 'channels': 4, 'num_classes': logits.shape[1]}
    label = torch.zeros(1, 1, 32, 32, dtype=torch.long)
    MODELS.build(head).losses(logits.requires_grad_(), label, torch.ones(1, 32, 32))['loss_seg'].backward()


def labelled(logits: Tensor) -> None:
    pseudo_label(logits, threshold=0.9)


def mapped(logits: Tensor) -> None:
    label_maps(logits, (32, 32), align_corners=False)


@pytest.mark.parametrize('work', [loss, labelled, mapped])
def test_memory_grows_by_the_same_for_each_further_class(work: Callable[[Tensor], None]):
    peaks = []
    for classes in (50, 100, 150):
        logits = torch.zeros(1, classes, 8, 8)
        with PeakMemory() as memory:
            work(logits)
        peaks.append(memory.peak)
    few, more, most = peaks
    assert most - more == more - few > 0
