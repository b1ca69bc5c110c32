"""From what was measured to settings, each with the reason that the user should check."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mmseg.config.label_ids import IGNORE, WIDE_IGNORE, usual_ignore_index
from mmseg.datasets.class_list import NamedClass
from mmseg.datasets.label_colours import LISTED, colour_of
from mmseg.errors import InputError
from mmseg.own_data.look import ImageFacts, LabelFacts

LARGEST_SHORT_SIDE = 768
"""Images are seen at most at this height or width in training: what fits a small GPU, and what the papers use."""
LARGEST_CROP = 512
PAPER_CROP, PAPER_MIN_PIXELS = 512, 3000
COARSEST_STEP = 32
FEW_IMAGES, MOST_ITERATIONS, FEWEST_ITERATIONS, EPOCHS = 2, 40_000, 2_000, 200
MASK_VALUES = (0, 255)
FIRST_IS_EMPTY = 'label value 0 does not occur: values 1..N are taken for classes 0..N-1 (reduce_zero_label=True)'


@dataclass
class Classes:
    """How label values become classes.

    Attributes:
        colours: as given, or None.
        ignored: the file value that means ignored and its share of the pixels, if it was seen.
        notes: what was guessed.
    """

    names: list[str]
    colours: list[tuple[int, int, int]] | None = None
    label_map: dict[int, int] | None = None
    label_colors: list[tuple[tuple[int, int, int], str | None]] | None = None
    reduce_zero_label: bool = False
    shares: list[float] = field(default_factory=list)
    ignored: tuple[int, float] | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Geometry:
    """(width, height) at which images are seen, None for their own; the square crop's side; notes."""

    scale: tuple[int, int] | None
    crop: int
    notes: tuple[str, ...]


def guess_classes(labels: LabelFacts, given: Sequence[NamedClass] | None) -> Classes:
    """The classes of label files with these values.

    Raises:
        InputError: the files hold nothing that could be a class and is not named, or classes without colours.
    """
    if labels.are_colours:
        return _coloured_classes(labels, given)
    if given is None and not class_values(labels):
        raise InputError(
            f'The {labels.looked} label maps looked at hold {ignored_value(labels)} alone, which means "no label", so '
            'that there is nothing to learn. If it is a class, name it by its value with --classes.'
        )
    classes = _guessed_classes(labels) if given is None else _given_classes(labels, given)
    ignored = ignored_value(labels)
    named = ignored in (classes.label_map or {}) or (given is not None and ignored in [entry.value for entry in given])
    return replace(classes, ignored=(ignored, labels.share(ignored)) if labels.pixels[ignored] and not named else None)


def _guessed_classes(labels: LabelFacts) -> Classes:
    values = class_values(labels)
    if tuple(sorted(labels.pixels)) == MASK_VALUES:
        return Classes(
            ['background', 'foreground'],
            label_map={0: 0, 255: 1},
            shares=[labels.share(0), labels.share(255)],
            notes=['labels hold 0 and 255 alone: taken for a mask, 255 being the second class and not ignored'],
        )
    shares = [labels.share(value) for value in values]
    if values == list(range(len(values))):
        notes = []
        if values and 0 < labels.share(0) < 0.05:
            notes = [
                f'label value 0 ({labels.share(0):.1%} of the pixels) is taken for a class; if it means "no data", set '
                'reduce_zero_label=True in labels and drop the first class'
            ]
        return Classes([f'class_{value}' for value in values], shares=shares, notes=notes)
    if values == list(range(1, len(values) + 1)):
        names = [f'class_{value}' for value in values]
        return Classes(names, reduce_zero_label=True, shares=shares, notes=[FIRST_IS_EMPTY])
    return Classes(
        [f'class_{value}' for value in values],
        label_map={value: i for i, value in enumerate(values)},
        shares=shares,
        notes=[f'label values are not 0..N-1: {", ".join(map(str, values))} become classes 0..{len(values) - 1}'],
    )


def class_values(labels: LabelFacts) -> list[int]:
    """The file values that may be classes, ascending."""
    return sorted(value for value in labels.pixels if value != ignored_value(labels))


def ignored_value(labels: LabelFacts) -> int:
    """255; where there are wider ids, 65535."""
    return WIDE_IGNORE if max(labels.pixels, default=0) > IGNORE else IGNORE


def _coloured_classes(labels: LabelFacts, given: Sequence[NamedClass] | None) -> Classes:
    """The classes of label images: those of ``given``, or one a colour, most frequent first.

    Raises:
        InputError: a class of ``given`` has no colour.
    """
    without = [entry.name for entry in given or () if entry.colour is None]
    if without:
        raise InputError(
            f'The labels are colours, but --classes gives none to {without[0]}: name them by CSV with the columns '
            'id,name,r,g,b, or by JSON with "color". Colours of the labels: '
            f'{", ".join(str(list(colour_of(code))) for code, _ in labels.pixels.most_common(LISTED))}.'
        )
    shown = {colour_of(code): code for code, _ in labels.pixels.most_common()}
    if given is None:
        rows: list[tuple[tuple[int, int, int], str | None]] = [
            (colour, f'class_{number}') for number, colour in enumerate(shown)
        ]
        notes = ['labels are colours, each taken for a class: name them, and give those that mean "no data" name=None']
    else:
        rows = [(entry.colour, entry.name) for entry in given if entry.colour is not None]
        others = [colour for colour in shown if colour not in dict(rows)]
        rows += [(colour, None) for colour in others]
        told = ', '.join(f'{list(colour)} ({labels.share(shown[colour]):.1%})' for colour in others)
        notes = [f'colours without a name are ignored: {told}'] if others else []
    named = [(colour, name) for colour, name in rows if name is not None]
    shares = [labels.share(shown[colour]) if colour in shown else 0.0 for colour, _ in named]
    return Classes(
        [name for _, name in named], [colour for colour, _ in named], label_colors=rows, shares=shares, notes=notes
    )


def _given_classes(labels: LabelFacts, given: Sequence[NamedClass]) -> Classes:
    values = [entry.value for entry in given]
    found = _guessed_classes(labels)
    in_order = values == list(range(len(found.names))) and (found.label_map is not None or found.reduce_zero_label)
    if in_order:  # as many names as label values, which are others than 0..N-1: masks, values from 1 on, with gaps
        return replace(
            found, names=[entry.name for entry in given], colours=_colours(given), notes=_in_order(found, given)
        )
    unnamed = sorted(set(class_values(labels)) - set(values))
    label_map: dict[int, int] = {value: i for i, value in enumerate(values)}
    notes = []
    if unnamed:
        told = ', '.join(f'{value} ({labels.share(value):.1%})' for value in unnamed)
        notes.append(f'label values without a name are ignored: {told}')
        label_map |= dict.fromkeys(unnamed, usual_ignore_index(len(values)))
    unseen = [entry.name for entry in given if not labels.pixels[entry.value]]
    if unseen:
        notes.append(f'no label that was looked at shows {", ".join(unseen)}')
    plain = values == list(range(len(values))) and not unnamed
    return Classes(
        [entry.name for entry in given],
        _colours(given),
        None if plain else label_map,
        shares=[labels.share(value) for value in values],
        notes=notes,
    )


def _colours(given: Sequence[NamedClass]) -> list[tuple[int, int, int]] | None:
    """The colours of the classes, where all have one."""
    colours = [entry.colour for entry in given if entry.colour is not None]
    return colours if len(colours) == len(given) else None


def _in_order(found: Classes, given: Sequence[NamedClass]) -> list[str]:
    """What was guessed of the values, and which name each of them got."""
    values = found.label_map or {train_id + 1: train_id for train_id in range(len(given))}
    told = ', '.join(f'{value} is {given[train_id].name}' for value, train_id in values.items())
    return [*found.notes, f'the names go with the values in their order: {told}']


def guess_geometry(images: Sequence[ImageFacts]) -> Geometry:
    """At which size images are seen and how large crops are, for all domains alike."""
    width, height = images[0].size
    notes: list[str] = []
    if any(facts.size != images[0].size for facts in images):
        notes.append('the domains have images of different sizes: check that things are equally large in both')
    factor = min(1.0, LARGEST_SHORT_SIDE / min(width, height))
    scale = None
    if factor < 1:
        scale = (round(width * factor), round(height * factor))
        notes.append(
            f'images of {width}x{height} are seen at {scale[0]}x{scale[1]}; for small things give crops of the full '
            'size instead: remove the Resize steps'
        )
    smallest = min(min(facts.smallest) for facts in images) * factor
    crop = max(COARSEST_STEP, min(LARGEST_CROP, int(smallest)) // COARSEST_STEP * COARSEST_STEP)
    return Geometry(scale, crop, tuple(notes))


def guess_sampling(crop: int) -> dict[str, Any]:
    """Rare class sampling as in the paper, its pixel counts scaled from its crops to these."""
    pixels = max(1, round(PAPER_MIN_PIXELS * (crop / PAPER_CROP) ** 2))
    return {'min_pixels': pixels, 'class_temp': 0.01, 'min_crop_ratio': 0.5}


def guess_iterations(count: int) -> int:
    """About two hundred times through the source, but no more than the paper's 40,000."""
    wanted = EPOCHS * count // FEW_IMAGES
    return min(MOST_ITERATIONS, max(FEWEST_ITERATIONS, round(wanted, -3)))
