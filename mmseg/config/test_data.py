"""What a run is tested and looked at with where its config describes no ``data.test``."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg.config.leaves import INSIDE, are_named, first_leaf
from mmseg.errors import InputError
from mmseg.places import with_home

GEOMETRY = {'RandomCrop', 'RandomFlip', 'RandomRotate', 'RandomCutOut', 'Pad', 'SegRescale', 'LoadAnnotations'}
CHANCE = {'PhotoMetricDistortion', 'PseudoMargins'}
ENDS = {'Normalize', 'DefaultFormatBundle', 'ImageToTensor', 'Collect'}


def described_by_training(data: Mapping[str, Any]) -> Any:
    """``data.val``, or the target of training (else its labelled images) without labels; None if there is neither."""
    if data.get('val'):
        return copy.deepcopy(data['val'])
    train = data.get('train')
    images = train.get('target') or train.get('source') or train if isinstance(train, Mapping) else train
    leaf = first_leaf(images)
    if not isinstance(leaf, Mapping) or not isinstance(leaf.get('pipeline'), list | tuple):
        return None
    labelled = first_leaf(train.get('source')) if isinstance(train, Mapping) else {}
    names = {key: labelled[key] for key in ('classes', 'palette', 'label_set') if labelled.get(key) is not None}
    own = {'classes', 'label_set'} & {key for key in leaf if leaf[key] is not None}
    return {**({} if own or leaf.get('type') != 'CustomDataset' else names), **images_alone(leaf)}


def images_alone(leaf: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a data set of training, as one of images to predict."""
    dropped = {'ann_dir', 'cache_dir'}
    kept = {key: copy.deepcopy(value) for key, value in leaf.items() if key not in dropped}
    return {**kept, 'ann_dir': None, 'pipeline': test_pipeline(leaf['pipeline'])}


def test_pipeline(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A pipeline of testing that shows whole images at the size at which training sees them."""
    size: dict[str, Any] = {'img_scale': None, 'img_ratios': 1.0}
    before: list[dict[str, Any]] = []
    normalize: list[dict[str, Any]] = []
    for step in map(dict, copy.deepcopy(list(steps))):
        if step.get('type') == 'Resize':
            scale = step.get('img_scale')
            several = isinstance(scale, list | tuple) and scale and isinstance(scale[0], list | tuple)
            size = {'img_scale': scale[0] if several else scale} if scale is not None else size
        elif step.get('type') == 'Normalize':
            normalize = [step]
        elif step.get('type') not in GEOMETRY | CHANCE | ENDS:
            before.append(step)
    views = [
        {'type': 'Resize', 'keep_ratio': True},
        {'type': 'RandomFlip'},
        *normalize,
        {'type': 'ImageToTensor', 'keys': ['img']},
        {'type': 'Collect', 'keys': ['img']},
    ]
    return [*before, {'type': 'MultiScaleFlipAug', **size, 'flip': False, 'transforms': views}]


def with_pipeline(dataset: Any, pipeline: Sequence[Mapping[str, Any]]) -> Any:
    """The description of a data set, or of one that wraps or lists others, with another pipeline throughout."""
    if isinstance(dataset, list | tuple):
        return [with_pipeline(part, pipeline) for part in dataset]
    for key in INSIDE:
        if key in dataset:
            return {**dataset, key: with_pipeline(dataset[key], pipeline)}
    return {**copy.deepcopy(dict(dataset)), 'pipeline': copy.deepcopy(list(pipeline))}


def of_test_set(dataset: Any, *, labels: bool = True) -> Any:
    """The description of data in folders called ``val``, as one of those called ``test``.

    Args:
        dataset: a description, or one that wraps or lists others.
        labels: keep the label folder, if it is there; servers hold labels of test images back.

    Raises:
        InputError: no folder is called ``val``.
    """
    if are_named(dataset):
        return {name: of_test_set(one, labels=labels) for name, one in dataset.items()}
    if isinstance(dataset, list | tuple):
        return [of_test_set(part, labels=labels) for part in dataset]
    for key in INSIDE:
        if key in dataset:
            return {**dataset, key: of_test_set(dataset[key], labels=labels)}
    found = {key: in_test(dataset.get(key)) for key in ('img_dir', 'ann_dir', 'split')}
    if found['img_dir'] == dataset.get('img_dir'):
        raise InputError(
            f'The images in {dataset.get("img_dir")!r} are in no folder called val, which test could replace.'
        )
    folder = found['ann_dir']
    one = folder[0] if isinstance(folder, list) and folder else folder
    if not labels or one is None or not Path(with_home(dataset.get('data_root') or ''), with_home(one)).is_dir():
        found['ann_dir'] = None
    return {**dataset, **found}


def in_test(path: Any) -> Any:
    """A path, or several, with every part ``val`` as ``test``."""
    if isinstance(path, list | tuple):
        return [in_test(one) for one in path]
    if not isinstance(path, str):
        return path
    return '/'.join('test' if part == 'val' else part for part in path.split('/'))
