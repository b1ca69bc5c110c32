"""Long-tail class first (DSP): pixels of rare classes join what is pasted, before it is pasted.

The loader draws them (:mod:`mmseg.datasets.long_tail_paste`): ``paste_img`` and ``paste_label``, whose label is the
ignore index wherever nothing is to be pasted. So image, label and mask are one draw.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from mmseg.errors import InputError
from mmseg.models.uda.class_mix import paste

IMG, LABEL = 'paste_img', 'paste_label'


class Template(NamedTuple):
    """What a mixed image takes from the source.

    Attributes:
        img: (B, 3, H, W), normalised.
        label: (B, 1, H, W) int64.
        mask: M, (B, 1, H, W) bool, the pixels that are taken.
    """

    img: Tensor
    label: Tensor
    mask: Tensor


def long_tail_first(template: Template, data: Mapping[str, Any], *, ignore_index: int) -> Template:
    """``template`` with the long-tail pixels of ``data`` in it; the mask grows by them.

    Raises:
        InputError: the loader gave none.
    """
    if LABEL not in data:
        raise InputError(
            'uda.soft_paste=True, but the loader draws nothing to paste: '
            'set data.train.long_tail_paste=dict(classes=[...]) of the UDADataset.'
        )
    shown = data[LABEL] != ignore_index
    return Template(
        img=paste(shown, source=data[IMG], target=template.img),
        label=paste(shown, source=data[LABEL], target=template.label),
        mask=template.mask | shown,
    )
