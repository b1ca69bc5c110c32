"""Draw the pictures of the README into ``resources/``.

python -m tools.make_resources                                          # color_palette.png, uda_over_time.png
python -m tools.make_resources --source-only WORK_DIR --daformer WORK_DIR   # demo.gif as well, from two toy runs
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmseg.errors import command
from mmseg.places import check_folder
from mmseg.writing import replacing

FRAMES = 8
FRAME_MS = 1600


class Published(NamedTuple):
    """A method's published mIoU on GTA5 -> Cityscapes, and the year of the conference or journal."""

    method: str
    year: int
    miou: float


# As reported by the authors, or in the comparison tables of the DAFormer and HRDA authors.
PUBLISHED = (
    Published('ADVENT', 2019, 45.5),
    Published('BDL', 2019, 48.5),
    Published('FDA', 2020, 50.5),
    Published('DACS', 2021, 52.1),
    Published('ProDA', 2021, 57.5),
    Published('DAFormer', 2022, 68.3),
    Published('HRDA', 2022, 73.8),
    Published('MIC', 2023, 75.9),
)


def draw_uda_over_time(path: Path) -> None:
    """Published mIoU over the years, one point a method."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (slow import)
    from matplotlib.figure import Figure  # noqa: PLC0415

    from mmseg.report.figures import save  # noqa: PLC0415

    figure = Figure(figsize=(7, 4), dpi=130)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.step([entry.year for entry in PUBLISHED], np.maximum.accumulate([entry.miou for entry in PUBLISHED]),
              where='post', color='0.8', linewidth=2)  # fmt: skip
    for entry in PUBLISHED:
        ours = entry.method == 'DAFormer'
        axes.plot(entry.year, entry.miou, 'o', color='tab:red' if ours else 'tab:blue', markersize=8)
        axes.annotate(f'{entry.method} {entry.miou}', (entry.year, entry.miou), xytext=(8, 4),
                      textcoords='offset points', weight='bold' if ours else 'normal')  # fmt: skip
    axes.set(title='GTA5 to Cityscapes, published results', ylabel='mIoU (%)', xlim=(2018.7, 2023.9), ylim=(40, 80))
    axes.set_xticks(sorted({entry.year for entry in PUBLISHED}))
    axes.grid(axis='y', color='0.92')
    axes.spines[['top', 'right']].set_visible(False)
    figure.tight_layout()
    save(figure, path)


def draw_demo(source_only: Path, daformer: Path, path: Path) -> None:
    """An animation of target images with the predictions of two finished runs on the same data."""
    import cv2  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    from mmseg.apis import inference_segmentor, init_segmentor  # noqa: PLC0415
    from mmseg.config.leaves import named_sets  # noqa: PLC0415
    from mmseg.datasets.loader import build_dataset  # noqa: PLC0415
    from mmseg.engine.work_dir import config_of, require_checkpoint  # noqa: PLC0415
    from mmseg.evaluation.export import colorize  # noqa: PLC0415

    models = [init_segmentor(config_of(run), require_checkpoint(run)) for run in (source_only, daformer)]
    dataset = build_dataset(next(iter(named_sets(models[0].cfg.data.test).values())), {'test_mode': True})
    frames = []
    for index in range(0, len(dataset), max(1, len(dataset) // FRAMES)):
        image = cv2.imread(str(dataset.image_path(index)))
        maps = [colorize(inference_segmentor(model, image)[0], models[0].PALETTE) for model in models]
        tiles = [('target image', image[..., ::-1]), ('source-only', maps[0]), ('DAFormer', maps[1])]
        frames.append(Image.fromarray(np.hstack([_titled(tile, title) for title, tile in tiles])))
    with replacing(path) as temporary, temporary.open('wb') as file:
        frames[0].save(
            file, format='GIF', save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True
        )


def _titled(tile: np.ndarray, title: str) -> np.ndarray:
    import cv2  # noqa: PLC0415

    bar = np.full((26, tile.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, title, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.pad(np.vstack([bar, tile]), ((0, 4), (2, 2), (0, 0)), constant_values=255)


@command
def main(argv: list[str] | None = None) -> None:
    """Draw everything that the arguments allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--source-only', type=Path, metavar='WORK_DIR')
    parser.add_argument('--daformer', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, default=Path('resources'))
    args = parser.parse_args(argv)
    check_folder(args.out)
    if bool(args.source_only) != bool(args.daformer):
        parser.error('the animation needs both runs: --source-only and --daformer')

    from mmseg.datasets.label_sets import CITYSCAPES19  # noqa: PLC0415
    from mmseg.report.figures import palette_figure  # noqa: PLC0415

    palette_figure(CITYSCAPES19, args.out / 'color_palette.png')
    draw_uda_over_time(args.out / 'uda_over_time.png')
    if args.daformer:
        draw_demo(args.source_only, args.daformer, args.out / 'demo.gif')
    for path in sorted(args.out.iterdir()):
        print(path)


if __name__ == '__main__':
    sys.exit(main())
