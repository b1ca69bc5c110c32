"""Evaluate a checkpoint on the test data of its config: IoU and accuracy per class, their means, pictures.

    mmseg test WORK_DIR                                     the last checkpoint; pictures in WORK_DIR/preds
    mmseg test CONFIG CHECKPOINT --eval mIoU --show-dir preds
    torchrun --nproc_per_node 4 -m mmseg test CONFIG CHECKPOINT    on 4 GPUs, which share the images

``sh test.sh WORK_DIR`` and ``python -m tools.test CONFIG CHECKPOINT``: the same command.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmseg import signals
from mmseg.commands.arguments import PRECISIONS
from mmseg.commands.networks import network_of
from mmseg.errors import InputError, command
from mmseg.places import check_file, check_folder, refuse_replacing

METRICS = ('mIoU', 'mDice', 'mFscore')
OLD_EVAL_OPTIONS = {'imgfile_prefix', 'to_label_id', 'efficient_test'}


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with signals.while_starting():  # torch comes here, so that --help need not wait for it
        from mmseg.engine.testing import run_test  # noqa: PLC0415
    find_network(args)
    check_args(args)
    run_test(args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', metavar='WORK_DIR|CONFIG', help='run to test; or its config (.py or .json), and')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint of a segmentor or of a UDA run')
    parser.add_argument('--eval', nargs='+', choices=METRICS, default=['mIoU'], help='default: mIoU')
    parser.add_argument('--show-dir', type=Path, help='write coloured predictions here')
    parser.add_argument('--opacity', type=float, help='of the colours; default: 0.5, for WORK_DIR 1, without image')
    parser.add_argument('--id-dir', type=Path, help='write predictions as maps of class ids here')
    parser.add_argument('--parts-dir', type=Path, help='write what each part predicts here: context, detail, attention')
    parser.add_argument('--aug-test', action='store_true', help='average over six scales and mirrored images')
    parser.add_argument('--weights', choices=['student', 'teacher'], help='network of a UDA run')
    parser.add_argument('--out', type=Path, help='write the results to this JSON file')
    parser.add_argument('--format-only', action='store_true', help='predictions without scores; servers: mmseg submit')
    parser.add_argument(
        '--eval-options', nargs='+', default=[], metavar='KEY=VALUE', help='imgfile_prefix=DIR is --id-dir'
    )
    parser.add_argument('--test-set', action='store_true', help='the images in the folder test instead of val')
    parser.add_argument(
        '--cfg-options', '--options', nargs='+', default=[], metavar='KEY=VALUE', help='settings that replace'
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU if there is one')
    parser.add_argument('--samples-per-gpu', type=int, default=1, help='images predicted together, if of one size')
    parser.add_argument('--precision', choices=PRECISIONS, default='fp32', help='what the network computes in')
    parser.add_argument('--trust', action='store_true', help='files that can run code: you know their origin')
    return parser.parse_args(argv)


def find_network(args: argparse.Namespace) -> None:
    """Let a work directory alone be its config and its last checkpoint, with pictures beside them.

    Raises:
        InputError: it is none, or a config without a checkpoint.
    """
    alone = args.checkpoint is None
    if args.opacity is None:
        args.opacity = 1 if alone else 0.5
    if not alone:
        return
    args.config, args.checkpoint = network_of([args.config])
    args.show_dir = args.show_dir or args.checkpoint.parent / 'preds'
    print(f'Config: {args.config}\nCheckpoint: {args.checkpoint}')


def read_old_options(args: argparse.Namespace) -> None:
    """Let options of mmseg 0.x mean what they meant there.

    Raises:
        InputError: one that means nothing here.
    """
    from mmseg.config.load import parse_cfg_options  # noqa: PLC0415 (--help needs no mmengine)

    given = parse_cfg_options(args.eval_options)
    for key in given.keys() - OLD_EVAL_OPTIONS:
        raise InputError(
            f'--eval-options {key}: known are {", ".join(sorted(OLD_EVAL_OPTIONS))}; for servers: mmseg submit.'
        )
    if given.get('to_label_id'):
        raise InputError('--eval-options to_label_id: mmseg submit writes the ids of a benchmark.')
    if args.format_only and args.id_dir is None and args.show_dir is None:
        args.id_dir = Path(str(given.get('imgfile_prefix', 'format_results')))
    elif 'imgfile_prefix' in given and args.id_dir is None:
        args.id_dir = Path(str(given['imgfile_prefix']))


def check_args(args: argparse.Namespace) -> None:
    """Refuse values and combinations of options that mean nothing; old ones are those of today."""
    read_old_options(args)
    check_file(args.out)
    refuse_replacing(filter(None, [args.out]), map(Path, (args.config, args.checkpoint)))
    for folder in (args.show_dir, args.id_dir, args.parts_dir):
        check_folder(folder)
    if args.out and args.out.suffix != '.json':
        raise InputError(f'--out writes JSON; name the file {args.out.with_suffix(".json")}.')
    if args.samples_per_gpu < 1:
        raise InputError(f'--samples-per-gpu is at least 1, not {args.samples_per_gpu}.')
    if args.aug_test and args.parts_dir:
        raise InputError('--parts-dir shows single views: leave --aug-test out.')
