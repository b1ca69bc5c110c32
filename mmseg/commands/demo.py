"""Predict the classes of your own images.

    mmseg demo demo/demo.png CONFIG CHECKPOINT

writes ``demo/demo_pred.png``: the image with the classes' colours laid over it and lines between them, and below it a
legend of the classes that occur. ``--plain`` leaves lines and legend out: the picture has the image's size then. IMG
may be a folder.

    mmseg demo --web WORK_DIR

opens a page on this machine to drop images on (``mmseg demo --web --help``). ``mmseg predict`` has more to choose from.
``python -m demo.image_demo``: the same.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmseg.commands import demo_web
from mmseg.commands.predict import checked_palette, warn
from mmseg.errors import InputError, command
from mmseg.places import PREDICTED, UnwritableError, check_file, check_folder, refuse_replacing

if TYPE_CHECKING:
    from mmseg.prediction.run import PathOf
    from mmseg.prediction.sources import Source


WEB = '--web'


@command
def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    if WEB in given:
        return demo_web.main([word for word in given if word != WEB])
    args = parse_args(given)
    check_places(args.img, args.out)
    from mmseg.apis import init_segmentor  # noqa: PLC0415 (--help needs no torch)
    from mmseg.datasets.label_sets import palette_named  # noqa: PLC0415
    from mmseg.evaluation.export import IGNORED, check_opacity  # noqa: PLC0415
    from mmseg.prediction.kinds import Style  # noqa: PLC0415
    from mmseg.prediction.predictor import Predictor  # noqa: PLC0415
    from mmseg.prediction.run import Wanted, predict_files  # noqa: PLC0415
    from mmseg.prediction.summary import NO_CLASS, Summary  # noqa: PLC0415

    check_opacity(args.opacity)
    sources = images_of(args.img, args.out)
    palette = palette_named(args.palette) if args.palette else None
    model = init_segmentor(args.config, args.checkpoint, args.device, weights=args.weights, trust=args.trust)
    colours = checked_palette(palette, args.palette, len(model.CLASSES)) or model.PALETTE
    style = Style(colours, args.opacity, contours=not args.plain)
    summary = Summary({})
    wanted = Wanted(kinds=['overlay'], style=style, path_of=output_of(args.img, args.out), placed=False)
    predict_files(Predictor(model), sources, wanted, summary, progress=sys.stderr.isatty(), warn=warn)
    colour_of = {NO_CLASS: IGNORED, **dict(zip(model.CLASSES, colours, strict=False))}  # a palette may have more
    for image in summary.images:
        if not args.plain:
            add_legend(Path(image['saved']['overlay']), image['class_shares'], colour_of)
        print(f'{image["file"]} -> {image["saved"]["overlay"]}')
    for file, reason in summary.failed.items():
        print(f'error: {file} was left out: {reason}', file=sys.stderr)
    return 1 if summary.failed else 0


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('img', type=Path, help='image file, or folder of images')
    parser.add_argument('config', help='config file (.py, or the .json of a work directory)')
    parser.add_argument('checkpoint', help='checkpoint of a segmentor or of a UDA run')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU if there is one')
    parser.add_argument('--palette', help="colours: cityscapes, camvid, ...; default: the network's own")
    parser.add_argument('--opacity', type=float, default=0.5, help='of the colours over the image; 1 hides the image')
    parser.add_argument('--plain', action='store_true', help='colours alone: no lines, no legend')
    parser.add_argument('--out', type=Path, help='output file (for a folder: folder); default: <img>_pred.png beside')
    parser.add_argument('--weights', choices=['student', 'teacher'], help='network of a UDA run')
    parser.add_argument(WEB, action='store_true', help='a page to drop images on instead: WORK_DIR is all it needs')
    parser.add_argument('--trust', action='store_true', help='files that can run code: you know their origin')
    return parser.parse_args(argv)


def add_legend(picture: Path, shares: Mapping[str, float], colours: Mapping[str, Sequence[int]]) -> None:
    """Put the classes that occur below a picture that was written; a video stays as it is."""
    import cv2  # noqa: PLC0415 (heavy)

    from mmseg.datasets.pipelines.loading import read_image  # noqa: PLC0415 (heavy)
    from mmseg.evaluation.export import write_png  # noqa: PLC0415 (heavy)
    from mmseg.evaluation.legible import Entry, rgb, with_legend  # noqa: PLC0415 (heavy)

    if picture.suffix != '.png':
        return
    entries = [Entry(name, rgb(colours[name]), share) for name, share in shares.items()]
    shown = with_legend(cv2.cvtColor(read_image(picture), cv2.COLOR_BGR2RGB), entries)
    write_png(picture, cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))


def check_places(img: Path, out: Path | None) -> None:
    """Refuse a picture that could not be written, before the network is loaded.

    Raises:
        InputError: nothing can be written beside the image, or where ``--out`` says; or that is the image.
    """
    try:
        if img.is_dir():
            check_folder(out or img)
        else:
            check_file(out or img.with_name(f'{img.stem}{PREDICTED}.png'))
            refuse_replacing([out] if out else [], [img])
    except UnwritableError as error:
        raise InputError(f'{str(error).removesuffix(".")} with --out.') from error


def images_of(img: Path, out: Path | None) -> 'list[Source]':
    """Every image to predict; earlier pictures are no images to predict.

    Raises:
        InputError: there is no image, or the picture is not to be a PNG file.
    """
    from mmseg.datasets.pipelines.loading import color_type_of, read_image  # noqa: PLC0415 (heavy)
    from mmseg.prediction.sources import find_sources  # noqa: PLC0415 (heavy)

    if not img.is_dir():
        read_image(img, color_type_of(img))
        if out and out.suffix.lower() != '.png':
            raise InputError(f'--out writes PNG; name the file {out.with_suffix(".png")}.')
    sources = [
        source for source in find_sources([img]) if not source.path.stem.endswith(PREDICTED) or source.path == img
    ]
    if not sources:
        raise InputError(f'Folder {img} holds only pictures of earlier predictions (*{PREDICTED}.png).')
    return sources


def output_of(img: Path, out: Path | None) -> 'PathOf':
    """Where the picture of an image goes: beside it, or where ``--out`` says."""
    if out and not img.is_dir():
        return lambda source, kind, suffix: out
    folder = out or (img if img.is_dir() else img.parent)
    return lambda source, kind, suffix: folder / source.name.with_name(f'{source.name.name}{PREDICTED}{suffix}')
