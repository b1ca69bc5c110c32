"""Predict the test images of a benchmark and pack them as its server wants them.

mmseg submit WORK_DIR --benchmark cityscapes --out cityscapes.zip
mmseg submit WORK_DIR --benchmark acdc --images data/acdc/rgb_anon/test --out acdc.zip
mmseg submit --check cityscapes.zip --benchmark cityscapes

The images are those of data.test of the run's config with the folder val replaced by test, or those of --images. Ids,
names, sizes and the number of the results are checked.
"""

import argparse
import sys
import zipfile
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
    count = write_zip(args, benchmark)
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


def write_zip(args: argparse.Namespace, benchmark: 'Benchmark') -> int:
    """Predict the images and pack the results; how many there are.

    Raises:
        InputError: the network has other classes, or there are no images.
    """
    import cv2  # noqa: PLC0415 (heavy)
    import numpy as np  # noqa: PLC0415 (heavy)

    from mmseg.apis import init_segmentor  # noqa: PLC0415 (heavy)
    from mmseg.datasets.label_sets import CITYSCAPES19  # noqa: PLC0415 (heavy)
    from mmseg.datasets.loader import build_dataset, build_test_loader  # noqa: PLC0415 (heavy)
    from mmseg.engine.recovery import usable_config_of  # noqa: PLC0415 (heavy)
    from mmseg.engine.work_dir import find_work_dir, require_checkpoint  # noqa: PLC0415 (heavy)
    from mmseg.evaluation.benchmarks import CONFIDENCE, IDS, as_confidence  # noqa: PLC0415 (heavy)
    from mmseg.evaluation.evaluate import predict_only  # noqa: PLC0415 (heavy)
    from mmseg.prediction.predictor import Predictor  # noqa: PLC0415 (heavy)
    from mmseg.progress import progress_bar  # noqa: PLC0415 (heavy)
    from mmseg.writing import replacing  # noqa: PLC0415 (heavy)

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
    names: set[str] = set()
    with replacing(args.out) as temporary, zipfile.ZipFile(temporary, 'w', zipfile.ZIP_STORED) as file:

        def pack(label_map: Any, filename: str, confidence: Any = None) -> None:
            name = f'{Path(filename).stem}.png'
            if name in names:
                raise InputError(f'Two test images are called {name}.')
            names.add(name)
            maps = {name: benchmark.encoded(np.asarray(label_map))}
            if confidence is not None:
                maps = {f'{IDS}/{name}': maps[name], f'{CONFIDENCE}/{name}': as_confidence(confidence)}
            for place, picture in maps.items():
                file.writestr(place, cv2.imencode('.png', picture)[1].tobytes())

        if args.confidence:
            predictor = Predictor(model)
            for index in progress_bar(range(len(dataset)), desc='predicting', unit='image'):
                ((found, _),) = predictor.each([dataset.image_of(index)])
                pack(found.label_map.cpu(), str(dataset.image_path(index)), found.confidence.float().cpu().numpy())
        else:
            loader = build_test_loader(dataset, workers_per_gpu=model.cfg.data.get('workers_per_gpu', 2))
            predict_only(model, loader, lambda found, name, _: pack(found, name), progress=sys.stderr.isatty())
    return len(names)


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
