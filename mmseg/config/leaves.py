"""The data sets of files in a config, under whatever lists, wrappers and names."""

from collections.abc import Iterator, Mapping
from typing import Any

INSIDE = ('dataset', 'datasets')
"""Where a wrapper holds what it wraps."""

LABELLED = ('source', 'labelled_target')
PAIRED = (*LABELLED, 'target')
"""Where training data of two domains hold their parts."""


def parts_of_training(train: Any) -> list[Any]:
    """What ``data.train`` is made of: the parts of a pair, or itself."""
    pair = [train[key] for key in PAIRED if train.get(key)] if isinstance(train, Mapping) else []
    return pair or [train]


def are_named(cfg: Any) -> bool:
    """Whether ``cfg`` holds data sets to evaluate on by name: ``dict(day=dict(type=...), night=dict(type=...))``."""
    plain = isinstance(cfg, Mapping) and bool(cfg) and not {'type', *INSIDE} & cfg.keys()
    return plain and all(isinstance(one, Mapping) and {'type', *INSIDE} & one.keys() for one in cfg.values())


def named_sets(cfg: Any) -> dict[str, Any]:
    """The data sets to evaluate on by name; a single one is called ''."""
    if not cfg:
        return {}
    return dict(cfg) if are_named(cfg) else {'': cfg}


def place_of(split: str, name: str) -> str:
    """Where the config describes a set: ``data.val``, or ``data.val.night``."""
    return f'{split}.{name}' if name else split


def leaves(cfg: Any) -> Iterator[Any]:
    """The configs of the data sets of files in ``cfg``: itself, the parts of a list, what a wrapper or names hold."""
    if are_named(cfg):
        cfg = list(cfg.values())
    if isinstance(cfg, list | tuple):
        for part in cfg:
            yield from leaves(part)
    elif isinstance(cfg, Mapping):
        inside = [cfg[key] for key in INSIDE if key in cfg]
        yield from leaves(inside) if inside else [cfg]


def dicts_in(cfg: Any) -> Iterator[Any]:
    """Every dict in a part of a config, however deep, itself first."""
    if isinstance(cfg, Mapping):
        yield cfg
    for part in cfg.values() if isinstance(cfg, Mapping) else cfg if isinstance(cfg, list | tuple) else ():
        yield from dicts_in(part)


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
