"""A checkpoint on the test data of its config: IoU and accuracy per class, their means, pictures.

What :mod:`mmseg.commands.test` runs, in one process or in several that share the images.
"""

import argparse
import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine import Config
from mmengine.dist import get_dist_info, is_main_process
from torch.utils.data import DataLoader

from mmseg.apis import init_segmentor
from mmseg.arithmetic import DTYPES, tf32_setting, warn_of_slow_bf16
from mmseg.config.components import check_datasets
from mmseg.config.leaves import leaves, named_sets, place_of
from mmseg.config.load import load_config, parse_cfg_options
from mmseg.config.override import refuse_of_training
from mmseg.config.test_data import of_test_set
from mmseg.config.tested_at import tested_at
from mmseg.datasets.bands import image_reader
from mmseg.datasets.dataset_wrappers import ConcatDataset
from mmseg.datasets.loader import build_dataset, build_test_loader
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.loading import read_image
from mmseg.datasets.taught_images import refuse_taught_images
from mmseg.engine.checks.class_check import check_channels, check_tested_classes
from mmseg.engine.checks.sample_check import check_test_sample
from mmseg.engine.distributed import join_processes
from mmseg.engine.host_memory import keep_freed_memory
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import OnPrediction, evaluate, predict_only
from mmseg.evaluation.export import PictureNames, PredictionWriter
from mmseg.evaluation.groups import Groups
from mmseg.evaluation.metrics import Metrics, columns_of, over_sets, reported_subsets
from mmseg.evaluation.parts import check_parts, evaluate_parts
from mmseg.evaluation.picture_places import refuse_pictures_over_data
from mmseg.evaluation.source import source_of
from mmseg.report.table import class_table
from mmseg.writing import write_text

AUG_RATIOS = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]


class Opened(NamedTuple):
    """A set of ``data.test``: its name ('' where there is one), its images, test batches, and the size of testing."""

    name: str
    dataset: Any
    loader: DataLoader
    tested_at: str


class Tested(NamedTuple):
    """What was measured on a set: of all its images, of its parts, and by the parts of the network."""

    metrics: Metrics
    by_group: dict[str, Metrics]
    by_part: dict[str, Metrics]


def run_test(args: argparse.Namespace) -> None:
    """Test as the arguments of :func:`mmseg.commands.test.parse_args` say, and print the table.

    Raises:
        InputError: config, checkpoint or data cannot be used, or do not belong together.
    """
    options = parse_cfg_options(args.cfg_options)
    cfg = load_config(args.config, options, purpose='test', trust=args.trust)
    refuse_of_training(options)
    check_datasets(cfg.data.test, 'data.test')
    if args.aug_test:
        add_views(cfg)
    if args.test_set:
        cfg.data.test = of_test_set(cfg.data.test)
    join_processes(cfg.get('dist_params', {}).get('backend', 'nccl'))
    model = init_segmentor(cfg, args.checkpoint, args.device, weights=args.weights, trust=args.trust)
    device = next(model.parameters()).device
    warn_of_slow_bf16(device, precision=args.precision)
    if device.type == 'cpu':
        keep_freed_memory()
    if args.parts_dir:
        check_parts(model)
    sets = [open_set(name, described, cfg, model, args) for name, described in named_sets(cfg.data.test).items()]
    how: dict[str, Any] = {'progress': is_main_process(), 'dtype': DTYPES[args.precision]}
    refuse_pictures_over_data(picture_folders(args, model, sets), [one.dataset for one in sets])
    if args.format_only or not all(getattr(one.dataset, 'labelled', True) for one in sets):
        predict_unlabelled(args, model, sets, how)
        return
    tested = {one.name: test_set(one, model, args, how) for one in sets}
    if is_main_process():
        show(args, cfg, model, sets, tested)


def open_set(name: str, described: Any, cfg: Config, model: Any, args: argparse.Namespace) -> Opened:
    """The images of a set, and that they fit the network.

    Raises:
        InputError: other classes or channels than the network's, or images that the run learnt from with labels.
    """
    place = place_of('data.test', name)
    dataset = build_dataset(described, {'test_mode': True})
    check_tested_classes(model, dataset, place)
    check_channels(model, dataset, place)
    check_test_sample(dataset, place)
    if getattr(dataset, 'labelled', True):
        refuse_taught_images(cfg.data.get('train'), dataset, place)
    rank, world_size = get_dist_info()
    loader = build_test_loader(
        dataset,
        workers_per_gpu=cfg.data.get('workers_per_gpu', 2),
        samples_per_gpu=args.samples_per_gpu,
        rank=rank,
        world_size=world_size,
        pin_memory=next(model.parameters()).device.type == 'cuda',
    )
    return Opened(name, dataset, loader, tested_at(described, cfg.model))


def picture_folders(args: argparse.Namespace, model: Any, sets: Sequence[Opened]) -> Iterator[tuple[Path, Any]]:
    """Where pictures are asked for, each with the data set whose pictures go there."""
    parts = (*model.parts, *model.value_parts) if args.parts_dir else ()
    for one in sets:
        for folder in filter(None, (args.show_dir, args.id_dir)):
            yield folder / one.name, one.dataset
        for part in parts:
            yield args.parts_dir / one.name / part, one.dataset


def test_set(one: Opened, model: Any, args: argparse.Namespace, how: dict[str, Any]) -> Tested:
    """Evaluate on a set, and write the pictures asked for."""
    groups = Groups(one.dataset)
    with writers(args, one, groups) as on_prediction:
        metrics = evaluate(model, one.loader, one.dataset, on_prediction=on_prediction, **how)
    parts = {}
    if args.parts_dir:
        folder = args.parts_dir / one.name
        parts = evaluate_parts(model, one.loader, one.dataset, folder, opacity=args.opacity, **how)
    return Tested(metrics, groups.metrics(), parts)


def show(
    args: argparse.Namespace, cfg: Config, model: Any, sets: Sequence[Opened], tested: Mapping[str, Tested]
) -> None:
    """Print what was measured, on what and with which network; write it to the file asked for."""
    source = source_of(cfg)
    label_set = sets[0].dataset.label_set
    subsets, columns = reported_subsets(label_set, source), columns_of(args.eval)
    print()
    for one in sets:
        print(f'{headline(one, model)}, tested {one.tested_at}')
    print(f'Checkpoint: {model.origin.checkpoint}. Computed in {args.precision}, TF32 {tf32_setting()}')
    rows = {name: found.metrics for name, found in tested.items()}
    if len(sets) == 1:
        (alone,) = tested.values()
        rows = {'fused': alone.metrics, **alone.by_part} if alone.by_part else {'': alone.metrics}
    print(class_table(rows, label_set, subsets, columns, mean=len(sets) > 1))
    for name, found in tested.items():
        if len(sets) > 1 and found.by_part:
            print(f'\nParts, {name}:\n{class_table({"fused": found.metrics, **found.by_part}, label_set, subsets)}')
        if found.by_group:
            title = f'By condition{", " if name else ""}{name}'
            print(f'\n{title}:\n{class_table({**found.by_group, "all": found.metrics}, label_set, subsets)}')
    if args.show_dir:
        print(f'Predictions: {args.show_dir}')
    if args.parts_dir:
        print(f'Parts of the predictions: {args.parts_dir}')
    if args.out:
        summaries = {name: found.metrics.summary(label_set, source) for name, found in tested.items()}
        write_results(args.out, summaries, args=args, model=model, sets=sets)
        print(f'Results: {args.out}')


def headline(one: Opened, model: Any) -> str:
    """Which images, and which network of the run."""
    name = f'{one.name}: ' if one.name else ''
    dataset = one.dataset
    images = f'{type(dataset).__name__}, split {dataset.split_name}, {len(dataset)} images'
    return f'{name}{images}, {model.origin.weights} weights'


def predict_unlabelled(args: argparse.Namespace, model: Any, sets: Sequence[Opened], how: dict[str, Any]) -> None:
    """Write the pictures of images that have no labels, and say that nothing is measured.

    Raises:
        InputError: no pictures are asked for, or what only labels tell; or some of the sets have labels.
    """
    without = [one for one in sets if not getattr(one.dataset, 'labelled', True)]
    if not args.format_only and len(without) < len(sets):
        raise InputError(
            f'{place_of("data.test", without[0].name)} has no labels (ann_dir), other sets have: leave it out, or give '
            '--format-only for pictures of all.'
        )
    if args.parts_dir or not (args.show_dir or args.id_dir):
        raise InputError(
            'Nothing is measured, with --format-only or where data.test has no labels (ann_dir): give --show-dir or '
            '--id-dir for pictures of the predictions, and no --parts-dir.'
        )
    for one in sets:
        with writers(args, one) as on_prediction:
            assert on_prediction is not None
            predict_only(model, one.loader, on_prediction, **how)
    if not is_main_process():
        return
    print()
    for one in sets:
        print(headline(one, model))
    why = '--format-only' if args.format_only else 'data.test has no labels'
    print(f'{why}: nothing was measured.')
    for folder in filter(None, (args.show_dir, args.id_dir)):
        print(f'Predictions: {folder}')
    if args.out:
        write_results(args.out, {one.name: {} for one in sets}, args=args, model=model, sets=sets)
        print(f'Results: {args.out}')


def add_views(cfg: Config) -> None:
    """Make the test pipeline give each image in six scales, each also mirrored."""
    for dataset in leaves(cfg.data.test):
        views = [step for step in dataset['pipeline'] if step['type'] == 'MultiScaleFlipAug']
        if not views:
            raise InputError('--aug-test needs a MultiScaleFlipAug step in data.test.pipeline.')
        views[0].update(img_ratios=AUG_RATIOS, flip=True)


def reader_of(dataset: Any) -> Callable[[Path], np.ndarray]:
    """How image files of a data set are read for pictures."""
    while isinstance(dataset, ConcatDataset):
        dataset = dataset.datasets[0]
    steps = getattr(dataset, 'pipeline', None)
    return image_reader(steps.transforms) if isinstance(steps, Compose) else read_image


@contextlib.contextmanager
def writers(args: argparse.Namespace, one: Opened, groups: Groups | None = None) -> Iterator[OnPrediction | None]:
    """What writes the pictures asked for and counts for ``groups``, as the callback of an evaluation; or None.

    Of several sets, each has a folder of its own.
    """
    dataset = one.dataset
    wanted = [(args.show_dir, dataset.PALETTE, args.opacity)] if args.show_dir else []
    wanted += [(args.id_dir, None, 1)] if args.id_dir else []
    name_of = PictureNames(dataset.img_infos)
    with contextlib.ExitStack() as stack:
        given: dict[str, Any] = {'classes': len(dataset.label_set), 'read': reader_of(dataset)}
        open_writers = [
            stack.enter_context(PredictionWriter(folder / one.name, palette=palette, opacity=opacity, **given))
            for folder, palette, opacity in wanted
        ]

        def write(label_map: np.ndarray, filename: str, index: int) -> None:
            for writer in open_writers:
                writer.write(label_map, filename, name_of(filename))
            if groups is not None:
                groups.add(label_map, index)

        yield write if open_writers or (groups is not None and groups.names) else None


def write_results(
    path: Path,
    summaries: Mapping[str, Mapping[str, float]],
    *,
    args: argparse.Namespace,
    model: Any,
    sets: Sequence[Opened],
) -> None:
    """Write everything that was measured (``summaries`` by set), and on what, as JSON; undefined values are null.

    Of several sets, each has an entry in ``sets``; the metrics beside it are the means over them.
    """
    network = {
        'config': str(args.config),
        'checkpoint': str(args.checkpoint),
        'state': model.origin.checkpoint,
        'weights': model.origin.weights,
        'aug_test': args.aug_test,
        'precision': args.precision,
        'tf32': tf32_setting(),
    }
    by_set = {one.name: {**what_was_tested(one), **_writable(summaries[one.name])} for one in sets}
    if len(sets) == 1:
        content = {**network, **by_set[sets[0].name]}
    else:
        means = {key: value for key, value in over_sets(summaries).items() if '/' not in key}
        content = {**network, **_writable(means), 'sets': by_set}
    write_text(path, json.dumps(content, indent=2) + '\n')


def _writable(summary: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in summary.items()}


def what_was_tested(one: Opened) -> dict[str, Any]:
    """The images of a set, for the results."""
    dataset = one.dataset
    return {
        'dataset': type(dataset).__name__,
        'split': dataset.split_name,
        'images': len(dataset),
        'tested_at': one.tested_at,
    }
