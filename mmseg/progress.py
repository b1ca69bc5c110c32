"""Bars that say how far a long work is: on a terminal, and not where ``mmseg -q`` asked for quiet."""

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from mmseg import screen


def progress_bar(items: Iterable[Any] | None = None, *, shown: bool = True, **settings: Any) -> tqdm:
    """A bar over ``items``, or one that its user updates.

    Args:
        items: what is worked on.
        shown: False for no bar anywhere.
        settings: as ``total``, ``desc`` and ``unit`` of tqdm.
    """
    return tqdm(items, disable=None if shown and not screen.is_quiet() else True, **settings)
