"""Folders of data below the user's home, written ``~/...`` as shells have it."""

from typing import Any

from mmseg.config.leaves import dicts_in
from mmseg.places import home_expanded

FOLDERS = ('data_root', 'img_dir', 'ann_dir', 'split')


def expand_homes(data: Any) -> None:
    """Write the home out in front of the folders and splits of data sets, in place.

    Raises:
        InputError: no home is known.
    """
    for part in dicts_in(data):
        for key in FOLDERS:
            if key in part:
                part[key] = _expanded(part[key])


def _expanded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_expanded(one) for one in value)
    return str(home_expanded(value)) if isinstance(value, str) and value.startswith('~/') else value
