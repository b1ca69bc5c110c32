"""Predict images, folders, lists, videos and huge tiles with a trained network.

mmseg predict street.png WORK_DIR --out predictions
mmseg predict photos/ 'more/*.jpg' ride.mp4 CONFIG CHECKPOINT --out predictions --save overlay,ids
mmseg predict tile.tif WORK_DIR --out predictions --tile 1024 --overlap 256 --save ids,confidence

Writes OUT/<kind>/<name> for every kind of --save, and OUT/predictions.json with the shares of the classes and the
mean confidence of every file.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmseg.commands.arguments import positive
from mmseg.commands.networks import CONFIG_SUFFIXES, network_of, refuse_file
from mmseg.errors import InputError, command
from mmseg.export import SUFFIXES
from mmseg.places import check_folder, refuse_replacing

if TYPE_CHECKING:
    from mmseg.prediction.sources import Source
    from mmseg.prediction.tiles import Tiling

KIND_HELP = 'overlay, ids, color, confidence, probs; several with commas between them; default: overlay'


@command
def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    check_folder(args.out)
    # Here, so that --help needs neither torch nor a second.
    from mmseg.arithmetic import DTYPES  # noqa: PLC0415
    from mmseg.datasets.label_sets import palette_named  # noqa: PLC0415
    from mmseg.prediction.kinds import KINDS, Style, kinds_named  # noqa: PLC0415
    from mmseg.prediction.predictor import Predictor  # noqa: PLC0415
    from mmseg.prediction.run import Wanted, in_folders, predict_files  # noqa: PLC0415
    from mmseg.prediction.sources import find_sources  # noqa: PLC0415
    from mmseg.prediction.summary import Summary  # noqa: PLC0415

    kinds, tiling = kinds_named(args.save), tiling_of(args)
    wanted_sources, network = split_arguments(args.paths)
    sources = find_sources(wanted_sources, skip_below=[args.out / kind for kind in KINDS])
    refuse_results_over(sources, args.out, kinds)
    palette = palette_named(args.palette) if args.palette else None
    model, of_network = load(network, args)
    colours = checked_palette(palette, args.palette, len(model.CLASSES)) or model.PALETTE
    style = Style(colours, args.opacity, args.contours)
    predictor = Predictor(
        model, tiling=tiling, scale=args.scale, keep_probs='probs' in kinds, dtype=DTYPES[args.precision]
    )
    about = {
        **of_network,
        'classes': list(model.CLASSES),
        'tile': args.tile,
        'overlap': args.overlap if args.tile else None,
        'scale': args.scale,
        'precision': args.precision,
    }
    summary = Summary(about)
    wanted = Wanted(kinds=kinds, style=style, path_of=in_folders(args.out), batch=args.batch)
    predict_files(predictor, sources, wanted, summary, progress=sys.stderr.isatty() and not args.quiet, warn=warn)
    summary_file = summary.write(args.out)
    for file, reason in summary.failed.items():
        print(f'error: {file} was left out: {reason}', file=sys.stderr)
    if not args.quiet:
        print(f'{len(summary.images)} of {len(sources)} predicted: {args.out} ({summary_file.name})')
    return 1 if summary.failed else 0


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'paths',
        nargs='+',
        metavar='PATH',
        help='what to predict (files, folders, globs, videos, lists), then WORK_DIR, CONFIG CHECKPOINT or FILE.onnx',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    parser.add_argument('--save', default='overlay', metavar='KINDS', help=KIND_HELP)
    parser.add_argument('--tile', type=positive, metavar='N', help='predict through windows of N x N pixels')
    parser.add_argument('--overlap', type=int, metavar='N', help='pixels that windows share; default: a quarter')
    parser.add_argument('--scale', type=float, default=1.0, help='size at which the network sees windows; default: 1')
    parser.add_argument('--batch', type=positive, default=1, metavar='N', help='images or windows predicted together')
    parser.add_argument('--weights', choices=['student', 'teacher'], help='network of a UDA run')
    parser.add_argument('--precision', choices=['fp32', 'bf16', 'fp16'], default='fp32', help='of the network')
    parser.add_argument('--palette', help="colours: cityscapes, camvid, ...; default: the network's own")
    parser.add_argument('--opacity', type=float, default=0.5, help='of the colours over the image; 1 hides the image')
    parser.add_argument('--contours', action='store_true', help='lines between classes in overlays')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU if there is one')
    parser.add_argument('--trust', action='store_true', help='load a checkpoint that can run code: you know its origin')
    parser.add_argument('-q', '--quiet', action='store_true', help='say only what went wrong')
    return parser.parse_args(argv)


def split_arguments(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """What to predict, and with which network: an exported file or a work directory at the end, or config and weights.

    Raises:
        InputError: nothing is left to predict.
    """
    count = 2 if len(paths) >= 2 and Path(paths[-2]).suffix in CONFIG_SUFFIXES else 1
    if count == 1 and Path(paths[-1]).suffix not in SUFFIXES:
        refuse_file(paths[-1])
    if len(paths) == count:
        raise InputError('There is nothing to predict: name images, folders or videos before the network.')
    return list(paths[:-count]), list(paths[-count:])


def refuse_results_over(sources: 'Sequence[Source]', out: Path, kinds: Sequence[str]) -> None:
    """Refuse to write a prediction over an image that is predicted: a result that is named itself.

    Raises:
        InputError: naming it.
    """
    from mmseg.prediction.run import in_folders  # noqa: PLC0415 (heavy)

    whole = out.resolve()
    read = [source.path for source in sources if whole in source.path.resolve().parents]
    path_of = in_folders(out)
    suffixes = {path.suffix for path in read}
    written = (path_of(source, kind, suffix) for source in sources for kind in kinds for suffix in suffixes)
    refuse_replacing(written, read)


def load(network: Sequence[str], args: argparse.Namespace) -> 'tuple[Any, dict[str, str]]':
    """The network of a run or of an exported file, and what it was made of.

    Raises:
        InputError: it cannot be loaded, or options are given that mean nothing for it.
    """
    from mmseg.apis import init_segmentor  # noqa: PLC0415 (heavy)

    if Path(network[0]).suffix in SUFFIXES:
        from mmseg.export.segmentor import ExportedSegmentor  # noqa: PLC0415 (heavy)

        if args.device not in (None, 'cpu') or args.precision != 'fp32' or args.weights:
            raise InputError(f'{network[0]} is run on the CPU as it is: leave --device, --precision, --weights out.')
        return ExportedSegmentor(Path(network[0]), trust=args.trust), {'exported': network[0]}
    found = network_of(network)
    model = init_segmentor(found.config, found.checkpoint, args.device, weights=args.weights, trust=args.trust)
    return model, {'config': str(found.config), 'checkpoint': str(found.checkpoint), 'weights': model.origin.weights}


def tiling_of(args: argparse.Namespace) -> 'Tiling | None':
    """The windows asked for.

    Raises:
        InputError: options of windows without --tile, or a scale that is not positive.
    """
    from mmseg.prediction.tiles import Tiling  # noqa: PLC0415 (heavy)

    if not 0 < args.scale <= 16:
        raise InputError(f'--scale is a factor above 0, up to 16, not {args.scale}.')
    if args.tile is None:
        if args.overlap is not None or args.scale != 1:
            raise InputError('--overlap and --scale are for windows: give --tile too, e.g. --tile 1024.')
        return None
    if args.overlap is None:
        args.overlap = args.tile // 4
    return Tiling(size=args.tile, overlap=args.overlap, batch=args.batch)


def checked_palette(
    palette: Sequence[Sequence[int]] | None, name: str | None, classes: int
) -> Sequence[Sequence[int]] | None:
    """The palette, if it has a colour for every class.

    Raises:
        InputError: it has too few.
    """
    if palette and len(palette) < classes:
        raise InputError(f'Palette {name} has {len(palette)} colours, the network {classes} classes.')
    return palette


def warn(text: str) -> None:
    print(f'warning: {text}', file=sys.stderr)
