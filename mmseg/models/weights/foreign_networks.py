"""Whole networks of other projects: what their files are, and their encoders in our names."""

import logging
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg.errors import InputError

BACKBONE = 'backbone.'
OPENMMLAB_SEGFORMER = 'decode_head.fusion_conv.conv.weight'


def in_our_names(segmentor: nn.Module, state: dict[str, Tensor], *, source: str) -> dict[str, Tensor]:
    """The weights of a whole network; its encoder's under our names if they are those of another project.

    Raises:
        InputError: the file holds OpenMMLab's SegFormer, and ``segmentor`` another decoder.
    """
    wanted = segmentor.state_dict().keys()
    if OPENMMLAB_SEGFORMER in state and OPENMMLAB_SEGFORMER not in wanted:
        channels = len(state[OPENMMLAB_SEGFORMER])
        raise InputError(
            f"{source} is a SegFormer of OpenMMLab (mmsegmentation), whose decoder is not the paper's: set "
            f"model.decode_head=dict(_delete_=True, type='SegformerHead', channels={channels}, in_channels=[...], "
            'in_index=[0, 1, 2, 3], num_classes=..., norm_cfg=...).'
        )
    encoder = {key.removeprefix(BACKBONE): value for key, value in state.items() if key.startswith(BACKBONE)}
    convert = getattr(getattr(segmentor, 'backbone', None), 'convert', None)
    if convert is None or not encoder or all(f'{BACKBONE}{key}' in wanted for key in encoder):
        return state
    try:
        converted = {f'{BACKBONE}{key}': value for key, value in convert(encoder).items()}
    except InputError:
        raise
    except Exception:  # a converter counts on what the files of its layout hold; what does not fit is listed later
        return state
    foreign = [key for key in converted if key not in state]
    if foreign:
        print_log(
            f'{source} has the names of another project; {len(foreign)} were translated, the first to {foreign[0]}.',
            'current',
            logging.INFO,
        )
    return {key: value for key, value in state.items() if not key.startswith(BACKBONE)} | converted


def without_other_classifier(
    segmentor: nn.Module, state: dict[str, Tensor], *, source: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights for another number of classes, without those of the classifiers; and their names, which are told.

    A classifier's entry belongs to a head and differs in its first dimension alone, where the network has its classes.
    """
    wanted, classes = segmentor.state_dict(), getattr(segmentor, 'num_classes', None)
    others = [
        key
        for key, value in state.items()
        if key in wanted
        and not key.startswith(BACKBONE)
        and value.ndim > 0
        and value.ndim == wanted[key].ndim
        and value.shape[0] != wanted[key].shape[0] == classes
        and value.shape[1:] == wanted[key].shape[1:]
    ]
    if others:
        print_log(
            f'{source} is for {len(state[others[0]])} classes, the network for {classes}: the classifier '
            f'({", ".join(others)}) starts anew, all else is loaded.',
            'current',
            logging.WARNING,
        )
    return {key: value for key, value in state.items() if key not in others}, others


def refuse_known_strangers(content: Mapping[str, Any], *, source: str) -> None:
    """Name files whose kind is known and that are no network as they stand.

    Raises:
        InputError: a training state of DINO, or a distilled DeiT.
    """
    if isinstance(content.get('teacher'), Mapping) and isinstance(content.get('student'), Mapping):
        raise InputError(
            f'{source} is a training state of DINO: it holds a teacher and a student. Take one: '
            "init_cfg=dict(type='Pretrained', checkpoint=FILE, prefix='teacher.backbone.')."
        )
    inner = content.get('model') if isinstance(content.get('model'), Mapping) else content
    if isinstance(inner, Mapping) and 'dist_token' in inner:
        raise InputError(
            f'{source} is a distilled DeiT, which has a second token (dist_token) and no place for it here: take the '
            'DeiT without distillation.'
        )
