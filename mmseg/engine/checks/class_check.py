"""Whether network and data mean the same classes, before the first iteration."""

import logging
from collections.abc import Sequence
from typing import Any

from mmengine.logging import print_log

from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.loader import label_sets_of
from mmseg.datasets.stream import TrainingSet
from mmseg.errors import InputError
from mmseg.models.networks import input_channels, student_network


def check_classes(model: Any, label_set: LabelSet) -> None:
    """Refuse heads that cannot tell the classes of the data apart; warn of one that has more outputs than classes.

    Raises:
        InputError: a head has fewer outputs than the data has classes, or ignores another train id; or there is one
            class, which is all that such a head could ever predict.
    """
    if len(label_set) == 1:
        raise InputError(
            f'The data have a single class ({label_set.classes[0]}), which a network would predict everywhere: name '
            "the rest as a class too, e.g. classes=('background', ...), with a label_map for its value."
        )
    student = student_network(model)
    _check_outputs('decode', getattr(student, 'num_classes', len(label_set)), label_set)
    for name, head in student.heads().items() if hasattr(student, 'heads') else ():
        if name != 'decode':
            _check_outputs(name, getattr(head, 'num_classes', len(label_set)), label_set)
        if head.ignore_index != label_set.ignore_index:
            raise InputError(
                f'The {name} head has ignore_index={head.ignore_index}, but the data {label_set.ignore_index}: set '
                'ignore_index of the heads and of the data sets to one value.'
            )


def _check_outputs(name: str, outputs: int, label_set: LabelSet) -> None:
    key = 'model.decode_head.num_classes' if name == 'decode' else f'num_classes of the auxiliary head {name!r}'
    if outputs < len(label_set):
        raise InputError(
            f'{key} is {outputs}, but the data has {len(label_set)} classes ({", ".join(label_set.classes)}).'
        )
    if outputs > len(label_set):
        print_log(
            f'{key} is {outputs}, but the data has {len(label_set)} classes ({", ".join(label_set.classes)}): the '
            f'other {outputs - len(label_set)} outputs learn nothing.',
            'current',
            level=logging.WARNING,
        )


def check_channels(model: Any, dataset: Any, place: str) -> None:
    """Refuse images with other channels than the network takes.

    Raises:
        InputError: naming both numbers.
    """
    wanted = input_channels(student_network(model))
    others = dataset.channels() - {wanted} if isinstance(dataset, TrainingSet) and wanted is not None else set()
    if others:
        raise InputError(
            f'The images of {place} have {min(others)} channel(s), but the network takes {wanted}: change color_type '
            'of LoadImageFromFile, or the in_channels (in_chans) of model.backbone.'
        )


def check_loaded_classes(loaded: Sequence[str] | None, label_set: LabelSet, path: str | None, *, learns: bool) -> None:
    """Refuse to adapt without labels a network of other classes; warn where it learns them in another order.

    Args:
        loaded: classes of the network that training starts from, if its file says them.
        label_set: of the training data.
        path: its file.
        learns: whether training has labels, from which it can learn other classes.

    Raises:
        InputError: naming both lists.
    """
    if not loaded or tuple(loaded) == tuple(label_set.classes):
        return
    told = f'{path} is a network of the classes {", ".join(loaded)}; the data have {", ".join(label_set.classes)}'
    if not learns:
        raise InputError(
            f'{told}. Without labels it cannot learn others: take a network of these classes in this order, or give '
            'the data those of the network.'
        )
    if len(loaded) == len(label_set):
        print_log(
            f'{told}: as many, so its classifier is kept, and what it calls class i has to become class i of the data.',
            'current',
            level=logging.WARNING,
        )


def check_tested_classes(model: Any, dataset: Any, place: str) -> None:
    """Refuse test images of other classes than a trained network has, or in another order.

    Raises:
        InputError: naming both lists.
    """
    if tuple(model.CLASSES) != tuple(dataset.CLASSES):
        raise InputError(
            f'The network was trained on the classes {", ".join(model.CLASSES)}; {place} has '
            f'{", ".join(dataset.CLASSES)}. The scores would mean nothing.'
        )


def check_evaluated_classes(data: dict, label_set: LabelSet) -> None:
    """Refuse ``data.val`` and ``data.test`` whose classes are not those of training, in their order.

    Raises:
        InputError: naming both lists.
    """
    for split in ('val', 'test'):
        for found in label_sets_of(data.get(split)):
            if found.classes != label_set.classes:
                raise InputError(
                    f'data.{split} has the classes {list(found.classes)}, but the training data '
                    f'{list(label_set.classes)}: what the network calls class i has to be class i in both. '
                    f'Give data.{split} the same classes in the same order (and a label_map or ignore for its files).'
                )
