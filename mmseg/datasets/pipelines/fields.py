"""What a sample consists of: every field of a pipeline has a name, a kind and a fill value, declared once.

The image is ``img``; every other field stands in ``results['seg_fields']`` and moves with it. A step that adds one
names it in ``Transform.adds`` and adds it by :func:`with_field`.
"""

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
import torch
from torch import Tensor

from mmseg.errors import InputError


class Kind(Enum):
    """What the values of a field are, which says how it is resized and what a network gets of it."""

    IMAGE = 'colours, (H, W, 3)'
    LABEL = 'train ids, uint8 or uint16 (H, W); int64 for the network'
    MASK = '0 or 1, uint8 (H, W); bool for the network'
    WEIGHT = 'any numbers, float32 (H, W)'


DTYPES = {Kind.LABEL: torch.int64, Kind.MASK: torch.bool, Kind.WEIGHT: torch.float32}


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        name: key in the sample.
        kind: what its values are.
        fill: value where a border or a turned corner shows nothing; None: what the step says for the image
            (``pad_val``) or the label (``seg_pad_val``).
    """

    name: str
    kind: Kind
    fill: float | None = None

    @property
    def interpolation(self) -> int:
        """OpenCV's flag for resizing: classes and truth values are never averaged."""
        return cv2.INTER_NEAREST if self.kind in (Kind.LABEL, Kind.MASK) else cv2.INTER_LINEAR

    def border(self, *, pad_val: float, seg_pad_val: float) -> float | tuple[float, ...]:
        """The value of a border, given what a step has for the image and for the label."""
        if self.kind is Kind.IMAGE:
            return (pad_val,) * 4
        return seg_pad_val if self.fill is None else self.fill

    def tensor(self, values: np.ndarray) -> Tensor:
        """(H, W) -> (1, H, W) of the type a network gets."""
        return self.for_network(tensor_of(values[None]))

    def for_network(self, values: Tensor) -> Tensor:
        """As they are stored -> of the type a network gets."""
        return values.to(DTYPES[self.kind])


def tensor_of(values: np.ndarray) -> Tensor:
    """A copy of an array; of uint16 as int32, as torch hardly computes with that."""
    return torch.from_numpy(np.array(values, np.int32 if values.dtype == np.uint16 else values.dtype))


_declared: dict[str, Field] = {}


def declare(field: Field) -> Field:
    """Make ``field`` known, for all pipelines.

    Raises:
        InputError: another field has its name.
    """
    if _declared.setdefault(field.name, field) != field:
        raise InputError(f'The field {field.name!r} is declared twice: {_declared[field.name]} and {field}.')
    return field


IMG = declare(Field('img', Kind.IMAGE))
LABEL = declare(Field('gt_semantic_seg', Kind.LABEL))
#: pixels of a target image whose pseudo-label may be trusted
VALID_PSEUDO = declare(Field('valid_pseudo_mask', Kind.MASK, fill=0))


def declared(name: str) -> bool:
    """Whether there is a field of this name."""
    return name in _declared


def field_of(key: str) -> Field:
    """The field under ``key`` of a sample or batch, perhaps with a prefix (``target_``); unknown ones are labels."""
    found = [field for name, field in _declared.items() if key == name or key.endswith(f'_{name}')]
    return max(found, key=lambda field: len(field.name), default=Field(key, Kind.LABEL))


def with_field(results: dict, field: Field, values: np.ndarray) -> dict:
    """The working dict with one field more."""
    return {**results, field.name: values, 'seg_fields': [*results.get('seg_fields', []), field.name]}
