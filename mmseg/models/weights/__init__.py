"""Weights from files: find the file, read it safely, select the network in it, load it strictly."""

from mmseg.models.weights.checkpoint import load_checkpoint, load_state, meta_of
from mmseg.models.weights.load import load_network, load_pretrained
from mmseg.models.weights.sources import Pretrained, find, pretrained_of
from mmseg.models.weights.state import (
    State,
    backbone_of,
    part_of,
    refuse_not_finite,
    state_of,
    student_of,
    teacher_of,
    without_prefix,
)
from mmseg.models.weights.strict import load_strict, of_other_kind

__all__ = [
    'Pretrained',
    'State',
    'backbone_of',
    'find',
    'load_checkpoint',
    'load_network',
    'load_pretrained',
    'load_state',
    'load_strict',
    'meta_of',
    'of_other_kind',
    'part_of',
    'pretrained_of',
    'refuse_not_finite',
    'state_of',
    'student_of',
    'teacher_of',
    'without_prefix',
]
