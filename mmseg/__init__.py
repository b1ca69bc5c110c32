"""mmseg: unsupervised domain adaptation of semantic segmentation, from config files."""

import importlib
from typing import Any

__version__ = '1.0.0'


def __getattr__(name: str) -> Any:
    """After ``import mmseg``, ``mmseg.registry.MODELS.build(...)`` works; torch is imported then, not before."""
    if name == 'registry':
        return importlib.import_module('mmseg.registry')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
