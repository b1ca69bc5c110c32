"""What configs say of label files that hold no ids: colours, or a mask a class."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmseg.config.values import shown
from mmseg.datasets.class_list import read_classes
from mmseg.datasets.label_colours import ColourTable, MaskFile, colour_table
from mmseg.datasets.label_sets import Colour, LabelSet
from mmseg.errors import InputError, nearest
from mmseg.places import with_home

COLOUR_KEYS = {'color', 'name'}
MASK_KEYS = {'name', 'folder', 'suffix'}


class ColourEntry(NamedTuple):
    """A colour of label files, RGB, and its class; None: ignored."""

    colour: Colour
    name: str | None


def refuse_several_meanings(owner: str, **settings: Any) -> None:
    """Refuse settings, by their names, that say in two ways what label files mean."""
    forms = ('label_colors', 'label_masks')
    named = [key for key in forms if settings[key] is not None]
    named += [key for key, value in settings.items() if named and key not in forms and value]
    if len(named) > 1:
        raise InputError(f'{owner}: {" and ".join(named)} say in several ways what label files hold: keep one.')


def colour_entries(given: str | Sequence[Mapping] | None) -> list[ColourEntry] | None:
    """The value of ``label_colors``; None where there is none.

    Raises:
        InputError: it is no list of colours with names, or a file without colours.
    """
    if given is None:
        return None
    if isinstance(given, str):
        classes = read_classes(Path(with_home(given)), 'label_colors')
        without = [entry.name for entry in classes if entry.colour is None]
        if without:
            raise InputError(f'label_colors {given}: {without[0]} has no colour (columns r, g, b; or color in JSON).')
        return [ColourEntry(entry.colour, entry.name) for entry in classes if entry.colour is not None]
    return [_colour_entry(entry) for entry in given]


def _colour_entry(entry: Any) -> ColourEntry:
    colour = entry.get('color') if isinstance(entry, Mapping) else None
    right = isinstance(colour, list | tuple) and len(colour) == 3
    if not right or not all(isinstance(value, int) and 0 <= value <= 255 for value in colour or ()):
        raise InputError(
            f"label_colors is a list of dict(color=[255, 255, 255], name='building'), of 0..255, not {shown(entry)}."
        )
    _check_keys('label_colors', entry, COLOUR_KEYS)
    name = entry.get('name')
    if name is not None and not isinstance(name, str):
        raise InputError(f'label_colors: the name of a class is a text, or None for ignored, not {shown(name)}.')
    red, green, blue = colour or (0, 0, 0)
    return ColourEntry((red, green, blue), name)


def label_set_of_colours(entries: Sequence[ColourEntry], owner: str) -> LabelSet:
    """The classes that colours name, each once, with the first of its colours."""
    first: dict[str, Colour] = {}
    for colour, name in entries:
        if name is not None:
            first.setdefault(name, colour)
    return LabelSet(name=owner, classes=tuple(first), palette=tuple(first.values()))


def table_of(entries: Sequence[ColourEntry], labels: LabelSet) -> ColourTable:
    """Colour -> train id."""
    return colour_table(
        [(colour, labels.ignore_index if name is None else labels.index(name)) for colour, name in entries]
    )


def mask_files(entries: Sequence[Mapping], labels: LabelSet) -> tuple[tuple[MaskFile, ...], int]:
    """The value of ``label_masks``: a file a class, and the train id of pixels in none of them.

    Raises:
        InputError: an entry is none, or two of them are about what is in no mask.
    """
    masks, rest = [], []
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get('name'), str):
            raise InputError(
                f"label_masks is a list of dict(name='building', folder='building', suffix='.png'), not {shown(entry)}."
            )
        _check_keys('label_masks', entry, MASK_KEYS)
        train_id = labels.index(entry['name'])
        if 'folder' in entry or 'suffix' in entry:
            masks.append(MaskFile(str(entry.get('folder', '')), str(entry.get('suffix', '.png')), train_id))
        else:
            rest.append(train_id)
    if not masks or len(rest) > 1:
        raise InputError('label_masks names at least one file, and at most one class of what is in no mask.')
    if len({(mask.folder, mask.suffix) for mask in masks}) < len(masks):
        raise InputError('label_masks: two classes have the same folder and suffix.')
    if bool(masks[0].folder) != all(mask.folder for mask in masks):
        raise InputError('label_masks: give all of the files a folder, or none of them.')
    return tuple(masks), rest[0] if rest else labels.ignore_index


def _check_keys(option: str, entry: Mapping, known: set[str]) -> None:
    for key in entry.keys() - known:
        raise InputError(f'{option} has no key {key!r}.{nearest(str(key), known)}')
