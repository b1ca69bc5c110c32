"""A file to publish out of a checkpoint: one network's weights, the classes and colours, and nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mmseg import __version__
from mmseg.config.read import IMPORTS, import_modules
from mmseg.engine.checkpoints.checkpoint_io import save_atomically
from mmseg.engine.checkpoints.model_card import write_card
from mmseg.engine.provenance import saved_config
from mmseg.errors import InputError
from mmseg.evaluation.origin import evaluated_weights
from mmseg.models.weights import (
    State,
    load_checkpoint,
    load_network,
    meta_of,
    refuse_not_finite,
    state_of,
    student_of,
    teacher_of,
)
from mmseg.models.weights.download import sha256_of
from mmseg.models.weights.left_out import KEY as LEFT_OUT
from mmseg.models.weights.left_out import concerns_student
from mmseg.places import check_file
from mmseg.registry import MODELS
from mmseg.writing import unfinished


def publish(
    checkpoint: str | Path, out: Path, *, weights: str | None = None, trust: bool = False, card: bool = False
) -> Path:
    """Write the network in ``checkpoint`` to ``<out>-<checksum>.pth``; returns that path. ``card``: a model card too.

    ``weights`` is 'student' or 'teacher' of an adaptation; None: the one that the run evaluates. The file is whole:
    what the checkpoint has left out is read from what the run started from.

    Raises:
        InputError: ``checkpoint`` cannot be read, or holds no whole network and cannot be completed.
    """
    check_file(out)
    content = load_checkpoint(checkpoint, trust=trust)
    state = state_of(content, source=str(checkpoint))
    meta = meta_of(content, str(checkpoint))
    which = weights or evaluated_weights(meta)
    if concerns_student(meta.get(LEFT_OUT)):
        state = _whole_network(Path(checkpoint), meta, which, trust=trust)
    else:
        state = student_of(state) if which == 'student' else teacher_of(state)
    if not any(key.startswith('decode_head.') for key in state):
        raise InputError(f'{checkpoint} holds no segmentation network (no entry decode_head.*).')
    refuse_not_finite(state, str(checkpoint))
    # own memory: a slice of a larger tensor would take that along
    state = {key: value.detach().clone(memory_format=torch.contiguous_format) for key, value in state.items()}
    with unfinished(out) as whole:
        save_atomically({'meta': {**public_meta(meta), 'weights': which}, 'state_dict': state}, whole)
        stem = re.sub(r'-[0-9a-f]{8}$', '', out.stem)
        path = out.with_name(f'{stem}-{sha256_of(whole)[:8]}.pth')
        whole.replace(path)
        if card:
            write_card(path, meta=meta, public=public_meta(meta), weights=which)
    return path


def public_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a user of the weights needs: classes and colours in plain types, iterations, the version that wrote it."""
    public: dict[str, Any] = {'mmseg_version': __version__}
    if meta.get('CLASSES'):
        public['CLASSES'] = [str(name) for name in meta['CLASSES']]
    if meta.get('PALETTE') is not None:
        public['PALETTE'] = [[int(value) for value in colour] for colour in meta['PALETTE']]
    if isinstance(meta.get('iter'), int):
        public['iter'] = int(meta['iter'])
    return public


def _whole_network(checkpoint: Path, meta: Mapping[str, Any], which: str, *, trust: bool) -> State:
    """The network ``which`` of a checkpoint that holds only what learned, with what its run started from.

    Raises:
        InputError: the checkpoint does not say of which network it is, or what the run started from is not there.
    """
    config = saved_config(meta.get('config')) or {}
    if not isinstance(config.get('model'), dict):
        raise InputError(
            f'{checkpoint} holds only what learned, and no config that says of which network: publish the checkpoint '
            'of the run.'
        )
    import_modules(config.get(IMPORTS), checkpoint, trust=trust, needed=True)
    network = MODELS.build(config['model'])
    taken: Any = which
    load_network(network, checkpoint, which=taken, trust=trust, load_from=config.get('load_from'))
    return network.state_dict()
