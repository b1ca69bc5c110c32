"""A checkpoint on the test data of its config: IoU and accuracy per class, their means, pictures.

What :mod:`mmseg.commands.test` runs, in one process or in several that share the images.
"""

import argparse
import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine import Config
from mmengine.dist import get_dist_info, is_main_process
from torch.utils.data import DataLoader

from mmseg.apis import init_segmentor
from mmseg.arithmetic import DTYPES, tf32_setting, warn_of_slow_bf16
from mmseg.config.components import check_datasets
from mmseg.config.leaves import leaves
from mmseg.config.load import load_config, parse_cfg_options
from mmseg.config.test_data import of_test_set
from mmseg.datasets.bands import image_reader
from mmseg.datasets.dataset_wrappers import ConcatDataset
from mmseg.datasets.loader import build_dataset, build_test_loader
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.loading import read_image
from mmseg.datasets.stream import TrainingSet
from mmseg.engine.class_check import check_channels
from mmseg.engine.distributed import join_processes
from mmseg.engine.host_memory import keep_freed_memory
from mmseg.engine.sample_check import check_test_sample
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import OnPrediction, evaluate, predict_only
from mmseg.evaluation.export import PictureNames, PredictionWriter
from mmseg.evaluation.groups import Groups
from mmseg.evaluation.metrics import Metrics, columns_of, reported_subsets
from mmseg.evaluation.parts import check_parts, evaluate_parts
from mmseg.evaluation.source import source_of
from mmseg.report.table import class_table
from mmseg.writing import write_text

AUG_RATIOS = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]


def run_test(args: argparse.Namespace) -> None:
    """Test as the arguments of :func:`mmseg.commands.test.parse_args` say, and print the table.

    Raises:
        InputError: config, checkpoint or data cannot be used, or do not belong together.
    """
    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), purpose='test', trust=args.trust)
    check_datasets(cfg.data.test, 'data.test')
    if args.aug_test:
        add_views(cfg)
    if args.test_set:
        cfg.data.test = of_test_set(cfg.data.test)
    join_processes(cfg.get('dist_params', {}).get('backend', 'nccl'))
    rank, world_size = get_dist_info()
    model = init_segmentor(cfg, args.checkpoint, args.device, weights=args.weights, trust=args.trust)
    device = next(model.parameters()).device
    warn_of_slow_bf16(device, precision=args.precision)
    if device.type == 'cpu':
        keep_freed_memory()
    if args.parts_dir:
        check_parts(model)
    dataset = build_dataset(cfg.data.test, {'test_mode': True})
    if tuple(model.CLASSES) != tuple(dataset.CLASSES):
        raise InputError(
            f'The network was trained on the classes {", ".join(model.CLASSES)}; data.test has '
            f'{", ".join(dataset.CLASSES)}. The scores would mean nothing.'
        )
    check_channels(model, dataset, 'data.test')
    check_test_sample(dataset, 'data.test')
    loader = build_test_loader(
        dataset,
        workers_per_gpu=cfg.data.get('workers_per_gpu', 2),
        samples_per_gpu=args.samples_per_gpu,
        rank=rank,
        world_size=world_size,
        pin_memory=device.type == 'cuda',
    )
    how: dict[str, Any] = {'progress': is_main_process(), 'dtype': DTYPES[args.precision]}
    if args.format_only or not getattr(dataset, 'labelled', True):  # a data set from elsewhere need not say so
        predict_unlabelled(args, model, loader, dataset, how)
        return
    groups = Groups(dataset)
    with writers(args, dataset, groups) as on_prediction:
        metrics = evaluate(model, loader, dataset, on_prediction=on_prediction, **how)
    by_group = groups.metrics()
    rows = {'': metrics}
    if args.parts_dir:
        parts = evaluate_parts(model, loader, dataset, args.parts_dir, opacity=args.opacity, **how)
        rows = {'fused': metrics, **parts}
    if not is_main_process():
        return
    source = source_of(cfg)
    subsets = reported_subsets(dataset.label_set, source)
    columns = columns_of(args.eval)
    print(f'\n{type(dataset).__name__}, split {dataset.split_name}, {len(dataset)} images, {args.weights} weights')
    print(f'Computed in {args.precision}, TF32 {tf32_setting()}')
    print(class_table(rows, dataset.label_set, subsets, columns))
    if by_group:
        print(f'\nBy condition:\n{class_table({**by_group, "all": metrics}, dataset.label_set, subsets)}')
    if args.show_dir:
        print(f'Predictions: {args.show_dir}')
    if args.parts_dir:
        print(f'Parts of the predictions: {args.parts_dir}')
    if args.out:
        write_results(args.out, metrics, args=args, dataset=dataset, source=source)
        print(f'Results: {args.out}')


def predict_unlabelled(
    args: argparse.Namespace, model: Any, loader: DataLoader, dataset: TrainingSet, how: dict[str, Any]
) -> None:
    """Write the pictures of images that have no labels, and say that nothing is measured.

    Raises:
        InputError: no pictures are asked for, or what only labels tell.
    """
    if args.parts_dir or not (args.show_dir or args.id_dir):
        raise InputError(
            'Nothing is measured, with --format-only or where data.test has no labels (ann_dir): give --show-dir or '
            '--id-dir for pictures of the predictions, and no --parts-dir.'
        )
    with writers(args, dataset) as on_prediction:
        assert on_prediction is not None
        predict_only(model, loader, on_prediction, **how)
    if not is_main_process():
        return
    print(f'\n{type(dataset).__name__}, split {dataset.split_name}, {len(dataset)} images, {args.weights} weights')
    why = '--format-only' if args.format_only else 'data.test has no labels'
    print(f'{why}: nothing was measured.')
    for folder in filter(None, (args.show_dir, args.id_dir)):
        print(f'Predictions: {folder}')
    if args.out:
        write_text(args.out, json.dumps(what_was_tested(args, dataset), indent=2) + '\n')
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
def writers(args: argparse.Namespace, dataset: Any, groups: Groups | None = None) -> Iterator[OnPrediction | None]:
    """What writes the pictures asked for and counts for ``groups``, as the callback of an evaluation; or None."""
    wanted = [(args.show_dir, dataset.PALETTE, args.opacity)] if args.show_dir else []
    wanted += [(args.id_dir, None, 1)] if args.id_dir else []
    name_of = PictureNames(dataset.img_infos)
    with contextlib.ExitStack() as stack:
        given: dict[str, Any] = {'classes': len(dataset.label_set), 'read': reader_of(dataset)}
        open_writers = [
            stack.enter_context(PredictionWriter(folder, palette=palette, opacity=opacity, **given))
            for folder, palette, opacity in wanted
        ]

        def write(label_map: np.ndarray, filename: str, index: int) -> None:
            for writer in open_writers:
                writer.write(label_map, filename, name_of(filename))
            if groups is not None:
                groups.add(label_map, index)

        yield write if open_writers or (groups is not None and groups.names) else None


def write_results(path: Path, metrics: Metrics, *, args: argparse.Namespace, dataset: Any, source: str | None) -> None:
    """Write everything that was measured, and on what, as JSON; undefined values are null."""
    summary = metrics.summary(dataset.label_set, source)
    measured = {
        **what_was_tested(args, dataset),
        **{name: None if math.isnan(value) else value for name, value in summary.items()},
    }
    write_text(path, json.dumps(measured, indent=2) + '\n')


def what_was_tested(args: argparse.Namespace, dataset: Any) -> dict[str, Any]:
    """The network and the images, for the results."""
    return {
        'config': str(args.config),
        'checkpoint': str(args.checkpoint),
        'weights': args.weights,
        'aug_test': args.aug_test,
        'precision': args.precision,
        'tf32': tf32_setting(),
        'dataset': type(dataset).__name__,
        'split': dataset.split_name,
        'images': len(dataset),
    }
