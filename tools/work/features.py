"""Features of two domains: collected from the encoder of a run, laid into a plane, drawn."""

import argparse
import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine import Config
from torch import Tensor
from torch.nn import functional

from mmseg.apis import init_segmentor
from mmseg.config.leaves import first_leaf
from mmseg.config.load import load_config
from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.loader import build_dataset, collate
from mmseg.datasets.pipelines.fields import tensor_of
from mmseg.engine.work_dir import config_of, require_checkpoint
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import as_views, predict_batch
from mmseg.evaluation.source import at_training_size
from mmseg.report.facts import ORACLE, domain, labelled_data, setting_of
from mmseg.report.features import Sampler, draw_features, pca, pure_cells, tsne
from mmseg.writing import replacing


def domains_of(cfg: Config) -> tuple[dict, dict]:
    """The labelled training data and the test data of a config, both with the pipeline of testing.

    The source keeps the size at which training sees it.

    Raises:
        InputError: the config has no other domain than that of the test data.
    """
    if setting_of(cfg) == ORACLE or not labelled_data(cfg):
        raise InputError(
            f'{cfg.filename} learns from the target itself: name a config with both domains, --data CONFIG.'
        )
    target = copy.deepcopy(dict(first_leaf(cfg.data.test)))
    return at_training_size(dict(labelled_data(cfg)), target['pipeline']), target


@torch.no_grad()
def collect(model: Any, dataset: CustomDataset, sampler: Sampler, *, which: int, images: int, stage: int) -> None:
    """Offer the cells of up to ``images`` pictures, drawn without repetition, to ``sampler``."""
    device = next(model.parameters()).device
    order = sampler.rng.permutation(len(dataset))[:images]
    for index in order.tolist():
        image = as_views(collate([dataset[index]]))['img'][0].to(device)
        features = stage_of(model.backbone(image), stage)[0]
        sampler.add(
            features, cell_classes(label_of(model, dataset, index), image, features, dataset.ignore_index), which
        )


def stage_of(features: Sequence[Tensor], stage: int) -> Tensor:
    """One of the maps of an encoder.

    Raises:
        InputError: it has no such stage.
    """
    if not -len(features) <= stage < len(features):
        raise InputError(f'--stage {stage}: the encoder has the stages 0 to {len(features) - 1}; -1 is the coarsest.')
    return features[stage]


def label_of(model: Any, dataset: CustomDataset, index: int) -> Tensor:
    """Classes (H, W) of a picture: its label, or what the network says where there is none."""
    if dataset.labelled:
        return tensor_of(dataset.label_of(index))
    (found,) = predict_batch(model, collate([dataset[index]]), next(model.parameters()).device)
    return found.cpu()


def cell_classes(label: Tensor, image: Tensor, features: Tensor, ignore_index: int) -> Tensor:
    """Classes (h, w) of the cells of ``features`` (C, h, w), from the label (h', w') of the picture (1, 3, H, W)."""
    seen = functional.interpolate(label.float()[None, None], size=image.shape[2:], mode='nearest')[0, 0]
    return pure_cells(seen, (features.shape[1], features.shape[2]), ignore_index)


def run(args: argparse.Namespace) -> None:
    """Write the vectors and the picture, and say what they show."""
    config = config_of(args.work_dir)
    domains = domains_of(load_config(args.data or config, purpose='test'))
    datasets = [build_dataset(cfg, {'test_mode': True}) for cfg in domains]
    model = init_segmentor(config, require_checkpoint(args.work_dir), weights=args.weights)
    sampler = Sampler(args.cells, np.random.default_rng(args.seed))
    for which, dataset in enumerate(datasets):
        assert isinstance(dataset, CustomDataset), 'one data set a domain'
        collect(model, dataset, sampler, which=which, images=args.images, stage=args.stage)
    cells = sampler.balanced()
    points = pca(cells.values) if args.method == 'pca' else tsne(cells.values, args.seed)
    label_set = datasets[1].label_set
    arrays = {
        'features': cells.values,
        'classes': cells.classes,
        'domains': cells.domains,
        'points': points,
        'class_names': np.array(label_set.classes),
        'domain_names': np.array(['source', 'target']),
    }
    with replacing(args.out / 'features.npz') as temporary, temporary.open('wb') as file:
        np.savez_compressed(file, **arrays)
    names = [f'{name}: {domain(cfg)}' for name, cfg in zip(('source', 'target'), domains, strict=True)]
    print(draw_features(points, cells, label_set, args.out / 'features.png', names=names))
    shown = [label_set.classes[title] for title in np.unique(cells.classes)]
    for which, dataset in zip(('source', 'target'), datasets, strict=True):
        if not dataset.labelled:
            print(f'The {which} has no labels: its points have the colours of what the network predicts.')
    left_out = ', '.join(title for title in label_set.classes if title not in shown) or 'none'
    print(f'{args.cells} cells of each of {", ".join(shown)} in each domain; too few of {left_out}.')
