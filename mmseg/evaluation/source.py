"""Which data set a run learnt from: it decides which class subsets are reported."""

from collections.abc import Mapping
from typing import Any

from mmseg.config.leaves import INSIDE, first_leaf


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
