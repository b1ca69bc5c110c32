"""Write a trained network for other programs: ONNX, torch.export or TorchScript, as the suffix of --out says.

    mmseg export WORK_DIR --out street.onnx
    mmseg export CONFIG CHECKPOINT --out street.onnx --processing --scale 0.5 --runner
    mmseg predict photos/ street.onnx --out predictions

The file takes normalised images (B, bands, H, W) and gives logits (B, classes, H, W); with --processing it takes RGB
images (B, H, W, 3) of bytes and gives class ids and their probabilities, both (B, H, W). It is compared with PyTorch at
three sizes before it is kept. --runner writes run_onnx.py beside it, which needs onnxruntime and no mmseg.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmseg import signals
from mmseg.commands.arguments import positive
from mmseg.errors import InputError, command
from mmseg.export import SUFFIXES
from mmseg.places import check_file
from mmseg.writing import replacing, write_text

if TYPE_CHECKING:
    from mmseg.export.files import Facts

RUNNER = 'run_onnx.py'


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with signals.while_starting():  # torch comes here, so that --help need not wait for it
        from mmseg.apis import init_segmentor  # noqa: PLC0415
        from mmseg.commands.networks import network_of  # noqa: PLC0415
        from mmseg.export.files import require_packages  # noqa: PLC0415
    if args.out.suffix not in SUFFIXES:
        raise InputError(f'--out {args.out}: the suffix says the format, one of {", ".join(SUFFIXES)}.')
    if args.scale != 1 and not args.processing:
        raise InputError('--scale is a part of the processing: give --processing too.')
    if not 0 < args.scale <= 16:
        raise InputError(f'--scale is a factor above 0, up to 16, not {args.scale}.')
    check_file(args.out)
    require_packages(args.out.suffix)
    network = network_of(args.network)
    model = init_segmentor(network.config, network.checkpoint, 'cpu', weights=args.weights, trust=args.trust)
    export(model, args)
    if args.runner:
        print(write_runner(args.out.parent))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('network', nargs='+', metavar='PATH', help='WORK_DIR, or CONFIG CHECKPOINT')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE', help='.onnx, .pt2 or .ts')
    parser.add_argument('--size', type=positive, nargs=2, metavar=('HEIGHT', 'WIDTH'), help='of images; default: any')
    parser.add_argument('--processing', action='store_true', help='RGB bytes in, class ids and probabilities out')
    parser.add_argument(
        '--scale', type=float, default=1.0, help="with --processing: the network's size to the image's; default: 1"
    )
    parser.add_argument('--weights', choices=['student', 'teacher'], help='network of a UDA run')
    parser.add_argument('--runner', action='store_true', help=f'write {RUNNER} beside FILE')
    parser.add_argument('--trust', action='store_true', help='load a checkpoint that can run code: you know its origin')
    return parser.parse_args(argv)


def export(model: Any, args: argparse.Namespace) -> None:
    """Write the file and compare it with ``model``; it stays only if both agree.

    Raises:
        InputError: the network cannot be exported, or the file computes something else.
    """
    from mmseg.export.check import compare, example  # noqa: PLC0415 (heavy)
    from mmseg.export.files import read, write  # noqa: PLC0415
    from mmseg.export.network import exportable, plain_kernels  # noqa: PLC0415

    facts = facts_of(model, args)
    network = exportable(model, processing=args.processing, scale=args.scale)
    with replacing(args.out, ending=args.out.suffix) as begun, plain_kernels():
        write(network, example(facts), begun, facts)
        run, _ = read(begun, trust=True)
        found = compare(run, network, facts)
    print(f'{args.out}: {args.out.stat().st_size / 1e6:.1f} MB')
    for size, difference in found.items():
        print(
            f'  {size}: differs from PyTorch by {difference.largest:.1e} at most; '
            f'another class at {difference.pixels:.3%} of the pixels'
        )


def facts_of(model: Any, args: argparse.Namespace) -> 'Facts':
    """What the file is to say of itself."""
    from mmseg import __version__  # noqa: PLC0415
    from mmseg.export.files import Facts  # noqa: PLC0415 (heavy)
    from mmseg.export.network import norm_of  # noqa: PLC0415
    from mmseg.prediction.predictor import test_steps  # noqa: PLC0415

    return Facts(
        classes=list(model.CLASSES),
        palette=[list(map(int, colour)) for colour in model.PALETTE],
        processing=args.processing,
        scale=args.scale,
        size=args.size,
        align_corners=bool(model.align_corners),
        norm=norm_of(model.cfg)._asdict(),
        pipeline=[dict(step) for step in test_steps(model.cfg)],
        written_by=f'mmseg {__version__}',
    )


def write_runner(folder: Path) -> Path:
    """Put the program that needs no mmseg into ``folder``."""
    from importlib.resources import files  # noqa: PLC0415

    path = folder / RUNNER
    write_text(path, files('mmseg.export').joinpath(RUNNER).read_text(encoding='utf-8'))
    return path
