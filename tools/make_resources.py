"""Draw the pictures of the README into ``resources/``.

python -m tools.make_resources                                          # color_palette.png, uda_over_time.png
python -m tools.make_resources --source-only WORK_DIR --daformer WORK_DIR   # demo.gif as well, from two toy runs

``--panel docs/images/toy_panel.webp`` writes the first picture of the animation too.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmseg.errors import command
from mmseg.places import check_file, check_folder
from mmseg.writing import replacing

if TYPE_CHECKING:
    from PIL.Image import Image

    from mmseg.datasets.label_sets import LabelSet

FRAMES = 6
TILE = 600  # width of a picture of the animation, which has two side by side
FRAME_MS = 1600
PANEL_QUALITY = 85


class Published(NamedTuple):
    """A method's published mIoU on GTA5 -> Cityscapes, and the year of its conference, journal or preprint."""

    method: str
    year: int
    miou: float
    included: bool = False  # among the methods of this package
    below: bool = False  # its name, in the picture


# As reported by the authors, or in the comparison tables of the DAFormer and HRDA authors; in the order of time.
PUBLISHED = (
    Published('ADVENT', 2019, 45.5),
    Published('BDL', 2019, 48.5),
    Published('FDA', 2020, 50.5),
    Published('DACS', 2021, 52.1, included=True),  # its own; DAFormer's authors repeat it with 54.2
    Published('ProDA', 2021, 57.5),
    Published('DAFormer', 2022, 68.3, included=True),
    Published('HRDA', 2022, 73.8, included=True, below=True),
    Published('CLUDA', 2022, 74.4, included=True),
    Published('MIC', 2023, 75.9, included=True),
    Published('VFM-UDA', 2024, 78.4, included=True),
    Published('VFM-UDA++', 2025, 79.8, included=True),
)


def draw_uda_over_time(path: Path) -> None:
    """Published mIoU over the years, one point a method."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (slow import)
    from matplotlib.figure import Figure  # noqa: PLC0415

    from mmseg.report.figures import save  # noqa: PLC0415

    figure = Figure(figsize=(9, 4.6), dpi=130)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.step([entry.year for entry in PUBLISHED], np.maximum.accumulate([entry.miou for entry in PUBLISHED]),
              where='post', color='0.8', linewidth=2)  # fmt: skip
    for entry in PUBLISHED:
        axes.plot(entry.year, entry.miou, 'o', color='tab:red' if entry.included else '0.55', markersize=8)
        axes.annotate(f'{entry.method} {entry.miou}', (entry.year, entry.miou), ha='right',
                      xytext=(-7, -13 if entry.below else 4), textcoords='offset points',
                      weight='bold' if entry.included else 'normal')  # fmt: skip
    for colour, label in (('tab:red', 'included here'), ('0.55', 'others')):
        axes.plot([], [], 'o', color=colour, markersize=8, label=label)
    axes.legend(loc='lower right', frameon=False)
    axes.set(title='GTA5 to Cityscapes, published results', ylabel='mIoU (%)', xlim=(2017.9, 2025.2), ylim=(40, 85))
    axes.set_xticks(sorted({entry.year for entry in PUBLISHED}))
    axes.grid(axis='y', color='0.92')
    axes.spines[['top', 'right']].set_visible(False)
    figure.tight_layout()
    save(figure, path)


def demo_frames(runs: Mapping[str, Path]) -> list['Image']:
    """Target images, one a frame: image, ground truth, and the predictions of finished runs, two in a row.

    Titles of predictions have the mIoU of the run on all of the images that it is tested on.
    """
    import cv2  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    from mmseg.apis import inference_segmentor, init_segmentor  # noqa: PLC0415
    from mmseg.config.leaves import named_sets  # noqa: PLC0415
    from mmseg.datasets.loader import build_dataset  # noqa: PLC0415
    from mmseg.engine.work_dir import config_of, require_checkpoint  # noqa: PLC0415
    from mmseg.evaluation.export import colorize  # noqa: PLC0415
    from mmseg.report.gallery import most_varied  # noqa: PLC0415
    from mmseg.report.logs import last_evaluation, percent  # noqa: PLC0415

    models = {name: init_segmentor(config_of(run), require_checkpoint(run)) for name, run in runs.items()}
    scores = {name: percent(last_evaluation(run)['mIoU']) for name, run in runs.items()}
    tested = next(iter(models.values())).cfg.data.test
    dataset = build_dataset(next(iter(named_sets(tested).values())), {'test_mode': True})
    palette = dataset.label_set.palette
    frames = []
    for index in most_varied(dataset, FRAMES):
        image = cv2.imread(str(dataset.image_path(index)))
        tiles = [
            ('image of the target domain', image[..., ::-1]),
            ('ground truth', colorize(dataset.label_of(index), palette)),
        ]
        for name, model in models.items():
            found = colorize(inference_segmentor(model, image)[0], palette)
            tiles.append((f'{name}: mIoU {scores[name]:.1f}', found))
        titled = [_titled(tile, title) for title, tile in tiles]
        rows = [np.hstack(titled[start : start + 2]) for start in range(0, len(titled), 2)]
        frames.append(Image.fromarray(np.vstack([*rows, _legend(dataset.label_set, rows[0].shape[1])])))
    return [_with_class_colours(frame, palette) for frame in frames]


def save_animation(frames: Sequence['Image'], path: Path) -> None:
    """A GIF that shows the frames again and again."""
    with replacing(path) as temporary, temporary.open('wb') as file:
        frames[0].save(
            file, format='GIF', save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True
        )


def _with_class_colours(frame: 'Image', palette: Sequence[Sequence[int]]) -> 'Image':
    """The frame in 256 colours, among them exactly those of the classes; the others are the frame's own."""
    from PIL import Image  # noqa: PLC0415

    exact = [value for colour in ((0, 0, 0), (255, 255, 255), *palette) for value in colour]
    others = frame.quantize(256 - len(exact) // 3).getpalette()
    colours = Image.new('P', (1, 1))
    colours.putpalette(exact + others[: 768 - len(exact)])
    return frame.quantize(palette=colours, dither=Image.Dither.NONE)


def _titled(tile: np.ndarray, title: str) -> np.ndarray:
    import cv2  # noqa: PLC0415

    size = (TILE, round(TILE * tile.shape[0] / tile.shape[1]))
    tile = cv2.resize(np.ascontiguousarray(tile), size, interpolation=cv2.INTER_NEAREST)
    bar = np.full((32, TILE, 3), 255, np.uint8)
    cv2.putText(bar, title, (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.65, (0, 0, 0), 1, cv2.LINE_AA)
    return np.pad(np.vstack([bar, tile]), ((0, 4), (2, 2), (0, 0)), constant_values=255)


def _legend(label_set: 'LabelSet', width: int) -> np.ndarray:
    """Classes and their colours, in lines of ten."""
    import cv2  # noqa: PLC0415

    per_line, height = 10, 26
    lines = -(-len(label_set.classes) // per_line)
    strip = np.full((lines * height + 6, width, 3), 255, np.uint8)
    for number, (name, colour) in enumerate(zip(label_set.classes, label_set.palette, strict=True)):
        x, y = 8 + number % per_line * (width - 8) // per_line, 6 + number // per_line * height
        cv2.rectangle(strip, (x, y), (x + 16, y + 14), tuple(map(int, colour)), -1)
        cv2.rectangle(strip, (x, y), (x + 16, y + 14), (90, 90, 90), 1)
        cv2.putText(strip, name, (x + 21, y + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


@command
def main(argv: list[str] | None = None) -> None:
    """Draw everything that the arguments allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--source-only', type=Path, metavar='WORK_DIR')
    parser.add_argument('--daformer', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, default=Path('resources'))
    parser.add_argument('--panel', type=Path, metavar='FILE', help='.webp')
    args = parser.parse_args(argv)
    check_folder(args.out)
    check_file(args.panel)
    if bool(args.source_only) != bool(args.daformer):
        parser.error('the animation needs both runs: --source-only and --daformer')
    if args.panel and not args.daformer:
        parser.error('--panel is of two runs: --source-only and --daformer')

    from mmseg.datasets.label_sets import CITYSCAPES19  # noqa: PLC0415
    from mmseg.report.figures import palette_figure  # noqa: PLC0415

    palette_figure(CITYSCAPES19, args.out / 'color_palette.png')
    draw_uda_over_time(args.out / 'uda_over_time.png')
    if args.daformer:
        frames = demo_frames({'source-only': args.source_only, 'DAFormer': args.daformer})
        save_animation(frames, args.out / 'demo.gif')
        if args.panel:
            with replacing(args.panel) as temporary, temporary.open('wb') as file:
                frames[0].convert('RGB').save(file, format='WEBP', quality=PANEL_QUALITY)
    for path in sorted(args.out.iterdir()):
        print(path)


if __name__ == '__main__':
    sys.exit(main())
