"""Predict the classes of your own images.

    python -m demo.image_demo demo/demo.png CONFIG CHECKPOINT

writes ``demo/demo_pred.png``, the image with the classes' colours laid over it. IMG may be a folder.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__' and not __package__:  # as a plain script: demo/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.apis import inference_segmentor, init_segmentor, show_result
from mmseg.datasets.label_sets import LABEL_SETS
from mmseg.datasets.pipelines.loading import read_image
from mmseg.errors import InputError, command, nearest
from mmseg.evaluation.export import check_opacity

SUFFIXES = {'.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp', '.ppm'}
PREDICTED = '_pred'


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_opacity(args.opacity)
    outputs = output_files(args.img, args.out)
    palette = palette_named(args.palette) if args.palette else None
    model = init_segmentor(args.config, args.checkpoint, args.device, weights=args.weights, trust=args.trust)
    if palette and len(palette) < model.num_classes:
        raise InputError(f'Palette {args.palette} has {len(palette)} colours, the network {model.num_classes} classes.')
    for image, output in outputs.items():
        pixels = read_image(image)
        (label_map,) = inference_segmentor(model, pixels)
        show_result(pixels, label_map, palette or model.PALETTE, args.opacity, output)
        print(f'{image} -> {output}')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('img', type=Path, help='image file, or folder of images')
    parser.add_argument('config', help='config file (.py, or the .json of a work directory)')
    parser.add_argument('checkpoint', help='checkpoint of a segmentor or of a UDA run')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU if there is one')
    parser.add_argument('--palette', help="colours: cityscapes, camvid, ...; default: the network's own")
    parser.add_argument('--opacity', type=float, default=0.5, help='of the colours over the image; 1 hides the image')
    parser.add_argument('--out', type=Path, help='output file (for a folder: folder); default: <img>_pred.png beside')
    parser.add_argument('--weights', choices=['student', 'teacher'], default='student', help='network of a UDA run')
    parser.add_argument('--trust', action='store_true', help='files that can run code: you know their origin')
    return parser.parse_args(argv)


def output_files(img: Path, out: Path | None) -> dict[Path, Path]:
    """Every image to predict and where its picture goes; earlier pictures are no images to predict.

    Raises:
        InputError: there is no image, or the picture is not to be a PNG file.
    """
    if not img.is_dir():
        read_image(img)
        if out and out.suffix.lower() != '.png':
            raise InputError(f'--out writes PNG; name the file {out.with_suffix(".png")}.')
        return {img: out or predicted_name(img)}
    images = [
        path for path in sorted(img.rglob('*')) if path.suffix.lower() in SUFFIXES and not path.stem.endswith(PREDICTED)
    ]
    if not images:
        raise InputError(f'Folder {img} holds no images ({", ".join(sorted(SUFFIXES))}).')
    return {path: predicted_name(out / path.relative_to(img) if out else path) for path in images}


def predicted_name(path: Path) -> Path:
    return path.with_name(f'{path.stem}{PREDICTED}.png')


def palette_named(name: str) -> tuple[tuple[int, int, int], ...]:
    """The colours of the label set ``name``, with or without its number of classes: cityscapes, camvid11.

    Raises:
        InputError: there is none.
    """
    for known, label_set in LABEL_SETS.items():
        if name.lower() in (known, known.rstrip('0123456789')):
            return label_set.palette
    raise InputError(f'There is no palette {name!r}.{nearest(name, LABEL_SETS)} Known: {", ".join(LABEL_SETS)}.')


if __name__ == '__main__':
    sys.exit(main())
