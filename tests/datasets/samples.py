"""Small data sets on disk, and the reference's kind of random generator, for the tests of this folder."""

from pathlib import Path

import cv2
import numpy as np

NORM = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375], 'to_rgb': True}


class LegacyRandom:
    """numpy's old global generator under the names of the new one, as the reference drew. Counts its calls."""

    def __init__(self, seed: int) -> None:
        self.state = np.random.RandomState(seed)
        self.calls = 0

    def integers(self, low, high=None):
        self.calls += 1
        return self.state.randint(low, high)

    def random(self):
        self.calls += 1
        return self.state.random_sample()

    def uniform(self, low, high):
        self.calls += 1
        return self.state.uniform(low, high)

    def choice(self, a, p=None):
        self.calls += 1
        return self.state.choice(a, p=p)


def results(img, label=None) -> dict:
    """The working dict of a pipeline after loading."""
    made = {'img': img, 'img_shape': img.shape, 'seg_fields': []}
    if label is not None:
        made |= {'gt_semantic_seg': label, 'seg_fields': ['gt_semantic_seg']}
    return made


def write(path: Path, array: np.ndarray) -> Path:
    """Save ``array`` as an image file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)
    return path


def write_pairs(root: Path, labels: dict[str, np.ndarray], seg_map_suffix: str = '.png', seed: int = 0) -> Path:
    """``root/images/<name>.png`` (noise) and ``root/labels/<name><seg_map_suffix>`` for each label."""
    rng = np.random.default_rng(seed)
    for name, label in labels.items():
        write(root / 'images' / f'{name}.png', rng.integers(0, 256, (*label.shape, 3), dtype=np.uint8))
        write(root / 'labels' / f'{name}{seg_map_suffix}', label)
    return root


def random_labels(count: int, size=(24, 32), classes: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f'{index:03}': rng.integers(0, classes, size, dtype=np.uint8) for index in range(count)}


def train_pipeline(crop=(16, 16)) -> list[dict]:
    return [
        {'type': 'LoadImageFromFile'},
        {'type': 'LoadAnnotations'},
        {'type': 'Resize', 'img_scale': (64, 48), 'ratio_range': (0.5, 1.5)},
        {'type': 'RandomCrop', 'crop_size': crop, 'cat_max_ratio': 0.75},
        {'type': 'RandomFlip', 'prob': 0.5},
        {'type': 'PhotoMetricDistortion'},
        {'type': 'Normalize', **NORM},
        {'type': 'Pad', 'size': crop, 'pad_val': 0, 'seg_pad_val': 255},
        {'type': 'DefaultFormatBundle'},
        {'type': 'Collect', 'keys': ['img', 'gt_semantic_seg']},
    ]


def pipeline_of_testing(scale=(32, 24)) -> list[dict]:
    steps = [{'type': 'Resize', 'keep_ratio': True}, {'type': 'RandomFlip'}, {'type': 'Normalize', **NORM}]
    steps += [{'type': 'ImageToTensor', 'keys': ['img']}, {'type': 'Collect', 'keys': ['img']}]
    return [{'type': 'LoadImageFromFile'}, {'type': 'MultiScaleFlipAug', 'img_scale': scale, 'transforms': steps}]


def own_data(root: Path, classes: int = 3, **options) -> dict:
    """Config of a CustomDataset on the folders of :func:`write_pairs`."""
    cfg = {'type': 'CustomDataset', 'data_root': str(root), 'img_dir': 'images', 'ann_dir': 'labels'}
    cfg |= {'img_suffix': '.png', 'classes': [f'class {i}' for i in range(classes)], 'pipeline': train_pipeline()}
    return cfg | options
