"""The data sets of files in a config, under whatever lists and wrappers."""

from collections.abc import Iterator, Mapping
from typing import Any

INSIDE = ('dataset', 'datasets')
"""Where a wrapper holds what it wraps."""

PAIRED = ('source', 'labelled_target', 'target')
"""Where training data of two domains hold their parts, those with labels first."""


def parts_of_training(train: Any) -> list[Any]:
    """What ``data.train`` is made of: the parts of a pair, or itself."""
    pair = [train[key] for key in PAIRED if train.get(key)] if isinstance(train, Mapping) else []
    return pair or [train]


def leaves(cfg: Any) -> Iterator[Any]:
    """The configs of the data sets of files in ``cfg``: itself, the parts of a list, what a wrapper wraps."""
    if isinstance(cfg, list | tuple):
        for part in cfg:
            yield from leaves(part)
    elif isinstance(cfg, Mapping):
        inside = [cfg[key] for key in INSIDE if key in cfg]
        yield from leaves(inside) if inside else [cfg]


def first_leaf(cfg: Any) -> Any:
    """The first of :func:`leaves`; an empty dict if there is none."""
    return next(leaves(cfg), {})


def has_labels(cfg: Any) -> bool:
    """Whether the data sets in ``cfg`` have labels, as far as it says so; False where there is none.

    A data set class may know its label folder: one that is not named counts as there unless it says None.
    """
    parts = list(leaves(cfg)) if cfg else []
    plain = [part for part in parts if isinstance(part, Mapping) and part.get('type') == 'CustomDataset']
    silenced = [part for part in parts if isinstance(part, Mapping) and 'ann_dir' in part and part['ann_dir'] is None]
    return bool(parts) and not silenced and all('ann_dir' in part for part in plain)
