"""Which data set a run learnt from: it decides which class subsets are reported."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.config.leaves import INSIDE, first_leaf


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
    """The type of the labelled training data of a config (``SynthiaDataset``); None if the config has none."""
    data = cfg.get('data', {}).get('train')
    while data is not None and not isinstance(data, str):
        if isinstance(data, list | tuple):
            data = data[0] if data else None
        elif 'source' in data:
            data = data['source']
        elif set(INSIDE) & data.keys():
            data = first_leaf(data)
        else:
            data = data.get('type')
    return data
