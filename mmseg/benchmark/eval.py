"""What evaluation does behind the network with an image of Cityscapes size: upsample, argmax, count.

Two ways in turn on the same logits: upsampled as a whole, softmax, argmax, areas by histograms of the label map on the
host (the order of the original); and the way of ``evaluate``. That both give the same counts is checked.
"""

import argparse
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmseg.apis import device_named
from mmseg.benchmark._alternate import alternate, rows_of
from mmseg.benchmark._machine import clock
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.evaluation.metrics import ConfusionMatrix
from mmseg.models.layers import resize
from mmseg.models.segmentors.label_maps import label_maps

CLASSES, IGNORED = len(CITYSCAPES19), 255
LOGITS, NETWORK, IMAGE = (128, 256), (512, 1024), (1024, 2048)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure; ``rows`` holds median ms an image, ``stages`` those of the parts of the second way.

    CPU time; on a GPU, time of the wall.
    """
    torch.set_num_threads(1)
    device = device_named(args.device)
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn((1, CLASSES, *LOGITS), generator=generator) * 3).to(device)
    label = torch.randint(0, CLASSES, IMAGE, generator=generator, dtype=torch.uint8)
    label[:100] = IGNORED
    with torch.no_grad():
        check_equal(logits, label)
        ways = {'as a whole': lambda _: as_a_whole(logits, label), 'in strips': lambda _: in_strips(logits, label)}
        times = alternate(ways, args.images, lambda: clock(device))
        image = resize(logits, NETWORK)
        found = label_maps(image, IMAGE, align_corners=False)[0]
        stages = alternate(
            {
                'to the size of the network': lambda _: finished(resize(logits, NETWORK)),
                'upsample and argmax': lambda _: finished(label_maps(image, IMAGE, align_corners=False)),
                'confusion matrix': lambda _: count(found, label),
            },
            args.images,
            lambda: clock(device),
        )
    return {'rows': rows_of(times, mean=False), 'stages': rows_of(stages, mean=False), 'device': str(device)}


def as_a_whole(logits: Tensor, label: Tensor) -> np.ndarray:
    """Areas (3, classes) of hits, predictions and labels."""
    whole = resize(resize(logits, NETWORK), IMAGE)
    found = torch.from_numpy(whole.softmax(1).argmax(1)[0].cpu().numpy())
    known = label != IGNORED
    found, expected = found[known], label[known].long()
    areas = (found[found == expected], found, expected)
    return torch.stack([torch.histc(x.float(), bins=CLASSES, min=0, max=CLASSES - 1) for x in areas]).numpy()


def in_strips(logits: Tensor, label: Tensor) -> ConfusionMatrix:
    """The confusion matrix."""
    found = label_maps(resize(logits, NETWORK), IMAGE, align_corners=False).long()
    return count(found[0], label)


def count(found: Tensor, label: Tensor) -> ConfusionMatrix:
    confusion = ConfusionMatrix(CLASSES, IGNORED, found.device)
    confusion.update(found, label)
    return confusion


def finished(x: Tensor) -> Tensor:
    """``x`` once the device has made it."""
    if x.is_cuda:
        torch.cuda.synchronize()
    return x


def check_equal(logits: Tensor, label: Tensor) -> None:
    """Make sure that both ways count alike; a GPU may decide near ties otherwise."""
    matrix = in_strips(logits, label).matrix[:, :CLASSES].cpu()
    areas = torch.stack([matrix.diagonal(), matrix.sum(0), matrix.sum(1)]).numpy()
    difference = np.abs(areas - as_a_whole(logits, label)).max()
    assert difference <= (0 if logits.device.type == 'cpu' else 50), f'counts differ by {difference}'
