"""Which data set a run learnt from: it decides which class subsets are reported."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.config.leaves import INSIDE, LABELLED, PAIRED, leaves


def at_training_size(source: Any, pipeline: Sequence[Mapping[str, Any]]) -> Any:
    """Data sets of training with a ``pipeline`` of testing, each at the size at which training sees its images."""
    if isinstance(source, list | tuple):
        return [at_training_size(part, pipeline) for part in source]
    for key in INSIDE:
        if key in source:
            return {**source, key: at_training_size(source[key], pipeline)}
    size = next((step.get('img_scale') for step in source['pipeline'] if step['type'] == 'Resize'), None)
    steps = copy.deepcopy([dict(step) for step in pipeline])
    for step in steps:
        if step['type'] == 'MultiScaleFlipAug' and size is not None:
            step['img_scale'] = size
    return {**source, 'pipeline': steps}


def source_of(cfg: Mapping[str, Any]) -> str | None:
    """The type of the labelled training data of a config (``SynthiaDataset``); None if the config has none.

    Several types are joined by ``+``.
    """
    train = cfg.get('data', {}).get('train')
    paired = isinstance(train, Mapping) and set(PAIRED) & train.keys()
    labelled = [train[key] for key in LABELLED if train.get(key)] if paired else train
    types = dict.fromkeys(str(leaf['type']) for leaf in leaves(labelled) if leaf.get('type'))
    return '+'.join(types) or None
