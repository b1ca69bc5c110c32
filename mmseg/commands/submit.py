"""Predict the test images of a benchmark and pack them as its server wants them.

mmseg submit WORK_DIR --benchmark cityscapes --out cityscapes.zip
mmseg submit WORK_DIR --benchmark acdc --images data/acdc/rgb_anon/test --out acdc.zip
mmseg submit --check cityscapes.zip --benchmark cityscapes

The images are those of data.test of the run's config with the folder val replaced by test, or those of --images. Ids,
names, sizes and the number of the results are checked.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmseg.errors import InputError, command
from mmseg.places import check_file

if TYPE_CHECKING:
    from mmseg.evaluation.benchmarks import Benchmark

NAMES = ('cityscapes', 'acdc', 'dark_zurich', 'bdd100k')


@command
def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    # Here, so that --help needs neither torch nor a second.
    from mmseg.evaluation.benchmarks import BENCHMARKS, check_zip  # noqa: PLC0415

    benchmark = BENCHMARKS[args.benchmark]
    if args.check:
        check_zip(args.check, benchmark)
        print(f'{args.check}: {benchmark.count} results, as {args.benchmark} wants them.')
        return 0
    if args.work_dir is None or args.out is None or args.out.suffix != '.zip':
        raise InputError('Name WORK_DIR and --out FILE.zip (or --check FILE.zip).')
    if args.confidence and not benchmark.confidence:
        raise InputError(f'--confidence: the benchmark {args.benchmark} takes no confidence maps.')
    check_file(args.out)
    count = predicted_zip(args, benchmark)
    try:
        check_zip(args.out, benchmark)
    except InputError:
        args.out.rename(args.out.with_suffix('.refused.zip'))
        raise
    print(f'{args.out}: {count} results for {args.benchmark}, checked.')
    return 0


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dir', nargs='?', help='work directory of a run')
    parser.add_argument('--benchmark', choices=NAMES, required=True, help='whose server')
    parser.add_argument('--out', type=Path, metavar='ZIP', help='what to upload')
    parser.add_argument('--images', type=Path, metavar='DIR', help='the test images')
    parser.add_argument('--set', metavar='NAME', help='which of several sets of data.test')
    parser.add_argument('--check', type=Path, metavar='ZIP', help='only check a zip that is there')
    parser.add_argument(
        '--confidence', action='store_true', help='add confidence maps of 16 bits, for UIoU (acdc, dark_zurich)'
    )
    parser.add_argument('--weights', choices=['student', 'teacher'], help='network of a UDA run')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU if there is one')
    parser.add_argument('--trust', action='store_true', help='files that can run code: you know their origin')
    return parser.parse_args(argv)


def predicted_zip(args: argparse.Namespace, benchmark: 'Benchmark') -> int:
    """Predict the images and pack the results; how many there are.

    Raises:
        InputError: the network has other classes, or there are no images.
    """
    from mmseg.apis import init_segmentor  # noqa: PLC0415 (heavy)
    from mmseg.datasets.label_sets import CITYSCAPES19  # noqa: PLC0415 (heavy)
    from mmseg.datasets.loader import build_dataset  # noqa: PLC0415 (heavy)
    from mmseg.engine.checkpoints.recovery import usable_config_of  # noqa: PLC0415 (heavy)
    from mmseg.engine.work_dir import find_work_dir, require_checkpoint  # noqa: PLC0415 (heavy)
    from mmseg.prediction.submission import results_of, write_zip  # noqa: PLC0415 (heavy)

    work_dir = find_work_dir(args.work_dir)
    model = init_segmentor(
        usable_config_of(work_dir), require_checkpoint(work_dir), args.device, weights=args.weights, trust=args.trust
    )
    if tuple(model.CLASSES) != CITYSCAPES19.classes:
        raise InputError(
            f'The network of {work_dir} has the classes {", ".join(model.CLASSES)}; this benchmark those of Cityscapes.'
        )
    described = set_named(model.cfg.data.test, args.set)
    dataset = build_dataset(of_images(described, args.images), {'test_mode': True})
    results = results_of(model, dataset, confidence=args.confidence)
    return write_zip(args.out, results, benchmark, total=len(dataset))


def set_named(described: Any, name: str | None) -> Any:
    """The set of data.test that ``name`` names; the only one needs none.

    Raises:
        InputError: there is no such set, or several and no name.
    """
    from mmseg.config.leaves import named_sets  # noqa: PLC0415 (heavy)

    sets = named_sets(described)
    if name is None and len(sets) == 1:
        return next(iter(sets.values()))
    if name not in sets:
        known = ', '.join(filter(None, sets))
        told = f'data.test has the sets {known}: name one of them' if known else 'data.test is one set: leave it out'
        raise InputError(f'--set{"" if name is None else f" {name}"}: {told}.')
    return sets[name]


def of_images(described: Any, images: Path | None) -> Any:
    """The description of the test images, without labels: data.test in the folder test, or another folder."""
    from mmseg.config.leaves import first_leaf  # noqa: PLC0415 (heavy)
    from mmseg.config.test_data import of_test_set  # noqa: PLC0415 (heavy)

    if images is None:
        return of_test_set(described, labels=False)
    leaf = dict(first_leaf(described))
    suffixes = ['.png', '.jpg']
    return {**leaf, 'data_root': None, 'img_dir': str(images), 'img_suffix': suffixes, 'ann_dir': None, 'split': None}
