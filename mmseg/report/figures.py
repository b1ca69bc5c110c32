"""Pictures of label maps: coloured maps, legends, panels that compare predictions, panels of a training step.

Matplotlib is imported when something is drawn, and used without its global state (no pyplot), so figures can
be made in any process and thread, without a display.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.stream import DOMAIN
from mmseg.errors import InputError
from mmseg.evaluation.export import IGNORED, colorize, displayable
from mmseg.models.uda.strong_augment import value_range
from mmseg.writing import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from mmseg.models.uda.batch import StepRecord

COLUMN_INCHES = 3.6
GAP_INCHES = 0.1
TITLE_INCHES = 0.3
LEGEND_ENTRY_INCHES = 1.3
LEGEND_LINE_INCHES = 0.2
DPI = 110
LEGEND_ENTRIES = 60  # a legend of more classes than that lists those that a picture shows
COLUMNS = 5  # pictures in a row of what a method has of its own
SOURCE, TARGET, MIXED = IMAGES = ('source image', 'target image', 'mixed image with jitter')
WEIGHT = 'weight (white: 1)'  # how titles of maps of weights end
STRIPES = (110, 110, 110)  # over pixels without a class: black may be the colour of one


class Panel(NamedTuple):
    """One picture of a figure.

    ``image`` is RGB uint8 (H, W, 3), a label map (H, W) of any integer type, or, with ``value_range``, a map
    (H, W) of values, shown from black to white over that range.
    """

    title: str
    image: np.ndarray
    value_range: tuple[float, float] | None = None


def legend(label_set: LabelSet, maps: Sequence[np.ndarray] = ()) -> list['Patch']:
    """A patch of colour with its class name for every class, and one for ignored pixels.

    Of more than :data:`LEGEND_ENTRIES` classes, those that the label maps show.
    """
    from matplotlib.patches import Patch  # noqa: PLC0415 (slow import, only needed to draw)

    entries = list(zip(label_set.classes, label_set.palette, strict=True))
    if len(entries) > LEGEND_ENTRIES:
        entries = [entries[i] for i in sorted(set().union(*map(np.unique, maps))) if i < len(entries)]
    patches = [Patch(facecolor=_unit(colour), edgecolor='0.4', label=name, linewidth=0.5) for name, colour in entries]
    return [
        *patches,
        Patch(facecolor=_unit(IGNORED), edgecolor=_unit(STRIPES), label='ignored', hatch='////', linewidth=0.5),
    ]


def comparison_panel(rows: Sequence[Sequence[Panel]], label_set: LabelSet, path: Path | str) -> Path:
    """Draw rows of titled pictures, typically image, ground truth and predictions, over a legend.

    A row with the titles of the row above it shows none. Returns ``path``.
    """
    return save(_grid(rows, label_set), path)


def debug_panel(step: 'StepRecord', label_set: LabelSet, path: Path | str) -> Path:
    """Draw what one step of the adaptation made, two rows of pictures per image and as many as a method has of its own.

    Returns ``path``.
    """
    rows: list[list[Panel]] = []
    own: list[tuple[str, Tensor | None]] = list(step.extra.items())
    for i, meta in enumerate(step.img_metas):
        given: list[list[tuple[str, Tensor | None]]] = [
            [
                (SOURCE, step.source_img),
                ('source label', step.source_label),
                (TARGET, step.target_img),
                ('pseudo-label', step.pseudo_label),
                (f'pseudo-label {WEIGHT}', step.pseudo_weight),
            ],
            [
                (MIXED, step.mixed_img),
                ('mixed label', step.mixed_label),
                ('mix mask (white: source)', step.mix_mask),
                (f'mixed {WEIGHT}', step.mixed_weight),
                ('feature distance (white: counts)', step.thing_mask),
            ],
            *(own[start : start + COLUMNS] for start in range(0, len(own), COLUMNS)),
        ]
        drawn = [[_panel(title, values[i], meta) for title, values in row if values is not None] for row in given]
        of = {SOURCE: meta, TARGET: step.target_metas[i] if step.target_metas else {}}
        drawn = [[panel._replace(title=_with_domain(panel.title, of)) for panel in row] for row in drawn]
        rows += [row for row in drawn if row]
    return save(_grid(rows, label_set), path)


def denormalize(image: Tensor, img_norm_cfg: Mapping[str, Any]) -> np.ndarray:
    """Network input (C, H, W), normalised with ``img_norm_cfg`` -> RGB uint8 (H, W, 3).

    Of more bands the first three are shown, a single one as grey; deeper images than 8 bits are stretched to 0..255.
    """
    mean, std = (np.asarray(img_norm_cfg[key], np.float32) for key in ('mean', 'std'))
    values = image.detach().float().cpu().numpy().transpose(1, 2, 0) * std + mean
    if value_range(mean.tolist(), std.tolist()) == (0, 255):
        values = np.rint(values.clip(0, 255)).astype(np.uint8)
    shown = displayable(values)
    return shown if img_norm_cfg.get('to_rgb', True) else np.ascontiguousarray(shown[..., ::-1])


def _with_domain(title: str, metas: Mapping[str, Mapping[str, Any]]) -> str:
    """``title`` of a picture, with the data set that the image is from where there are several."""
    name = metas.get(title, {}).get(DOMAIN)
    return title if name is None else f'{title}: {name}'


def _panel(title: str, values: Tensor, meta: Mapping[str, Any]) -> Panel:
    """The picture of an image (C, H, W), or of a map (1, H, W) of labels (integers) or of values in 0..1."""
    if len(values) > 1 or title in IMAGES:
        return Panel(title, denormalize(values, meta['img_norm_cfg']))
    counts = values.is_floating_point() or values.dtype == torch.bool
    if title.endswith(WEIGHT):
        title = f'{title[:-1]}, mean {float(values.float().mean()):.2f})'
    return Panel(title, _map(values), (0, 1) if counts else None)


def _map(values: Tensor) -> np.ndarray:
    """A map (1, H, W) or (H, W) of labels, weights or truth values, on the CPU."""
    squeezed = values.detach().reshape(values.shape[-2:]).cpu()
    return (squeezed.float() if squeezed.is_floating_point() or squeezed.dtype == torch.bool else squeezed).numpy()


def palette_figure(label_set: LabelSet, path: Path | str) -> Path:
    """Draw the colours of ``label_set`` with class names and RGB values. Returns ``path``."""
    columns = min(4, len(label_set.classes))
    lines = -(-len(label_set.classes) // columns)
    figure = new_figure(2.6 * columns, 0.5 * lines + 0.1)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 2.6 * columns), ylim=(0.5 * lines + 0.05, -0.05))
    axes.set_axis_off()
    for i, (name, colour) in enumerate(zip(label_set.classes, label_set.palette, strict=True)):
        x, y = 2.6 * (i // lines), 0.5 * (i % lines)
        axes.add_patch(_swatch(x + 0.1, y + 0.05, 0.55, 0.4, colour))
        axes.text(x + 0.75, y + 0.18, name, fontsize=10, va='center')
        axes.text(x + 0.75, y + 0.37, ', '.join(map(str, colour)), fontsize=7, va='center', color='0.35')
    return save(figure, path)


def _grid(rows: Sequence[Sequence[Panel]], label_set: LabelSet) -> 'Figure':
    """Figure of ``rows``: columns equally wide, each row as high as its highest picture, the legend below."""
    width = (COLUMN_INCHES + GAP_INCHES) * max(len(row) for row in rows) + GAP_INCHES
    titled = [i == 0 or [p.title for p in row] != [p.title for p in rows[i - 1]] for i, row in enumerate(rows)]
    heights = [COLUMN_INCHES * max(p.image.shape[0] / p.image.shape[1] for p in row) for row in rows]
    patches = legend(label_set, [p.image for row in rows for p in row if p.image.ndim == 2 and p.value_range is None])
    lines = math.ceil(len(patches) / max(1, int(width / LEGEND_ENTRY_INCHES))) or 1
    per_line = math.ceil(len(patches) / lines) or 1
    legend_height = LEGEND_LINE_INCHES * lines + 2 * GAP_INCHES
    total = legend_height + sum(heights) + sum(TITLE_INCHES if has_title else GAP_INCHES for has_title in titled)
    figure = new_figure(width, total)
    top = total
    for row, height, has_title in zip(rows, heights, titled, strict=True):
        top -= height + (TITLE_INCHES if has_title else GAP_INCHES)
        for j, panel in enumerate(row):
            left = GAP_INCHES + j * (COLUMN_INCHES + GAP_INCHES)
            axes = figure.add_axes((left / width, top / total, COLUMN_INCHES / width, height / total))
            _draw(axes, panel, label_set, panel.title if has_title else '')
    figure.legend(
        handles=patches, loc='lower center', ncols=per_line, fontsize=8, frameon=False,
        handlelength=1.4, columnspacing=1.2, borderaxespad=0.3,
    )  # fmt: skip
    return figure


def _draw(axes: 'Axes', panel: Panel, label_set: LabelSet, title: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color='0.4', linewidth=0.5)
    axes.set_title(title, fontsize=10, pad=3)
    if panel.value_range is not None:
        low, high = panel.value_range
        axes.imshow(panel.image, cmap='gray', vmin=low, vmax=high, interpolation='nearest')
    elif panel.image.ndim == 2:
        axes.imshow(striped(panel.image, label_set), interpolation='nearest')
    else:
        axes.imshow(panel.image)


def striped(label_map: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """The colours of a label map (H, W), RGB; pixels of no class are striped, as no class is."""
    shown = colorize(label_map, label_set.palette)
    rows, columns = np.indices(label_map.shape)
    width = max(label_map.shape[1] // 64, 1)
    outside = (label_map < 0) | (label_map >= len(label_set.classes))
    shown[outside & ((rows + columns) // width % 4 == 0)] = STRIPES
    return shown


def _swatch(x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> Any:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 (slow import, only needed to draw)

    return Rectangle((x, y), width, height, facecolor=_unit(colour), edgecolor='0.4', linewidth=0.5)


def _unit(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def new_figure(width: float, height: float) -> 'Figure':
    """An empty white figure of that size in inches, outside matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (slow import, only needed to draw)
    from matplotlib.figure import Figure  # noqa: PLC0415 (slow import, only needed to draw)

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor='white')
    FigureCanvasAgg(figure)
    return figure


def save(figure: 'Figure', path: Path | str) -> Path:
    """Write ``figure``, in the format of the suffix; folders are made as needed. Returns ``path``.

    Raises:
        InputError: there is no such format.
    """
    path = Path(path)
    known = sorted(figure.canvas.get_supported_filetypes())
    if path.suffix[1:].lower() not in known:
        raise InputError(f'{path}: its name has to end with the format of the picture: .{", .".join(known)}.')
    with replacing(path) as temporary, temporary.open('wb') as file:
        figure.savefig(file, format=path.suffix[1:].lower())
    return path
