"""Images and label maps at the size they are trained at, stored once: the pixels of the plain way, without PNGs.

A pipeline that starts with loading and a fixed Resize does the same work for an image every time.
``tools.cache_dataset`` stores its outcome; a data set that finds a cache of its pipeline, up to date, reads from it.
"""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from itertools import takewhile
from os.path import relpath
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from mmengine.logging import print_log

from mmseg.datasets.files import Root, shared_folder
from mmseg.datasets.labels import LabelReader
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.fields import LABEL, field_of, with_field
from mmseg.datasets.pipelines.geometry import Resize, Scale
from mmseg.datasets.pipelines.loading import LoadAnnotations, LoadImageFromFile, joined, size_mismatch
from mmseg.datasets.pipelines.transform import Part, Transform
from mmseg.datasets.pixel_store import PixelStore, Size, UnusableStoreError, open_store, write_store
from mmseg.errors import InputError

CACHE_DIR = 'training_cache'
COMMAND = 'python -m tools.cache_dataset CONFIG'


class FixedStart(NamedTuple):
    """The beginning of a pipeline that is the same every time."""

    load: LoadImageFromFile
    resize: Resize
    labelled: bool
    fields: list[Transform]
    rest: list[Transform]


def fixed_start(pipeline: Compose) -> FixedStart | None:
    """Loading and a Resize to one scale at the beginning of ``pipeline``; None for any other beginning.

    Steps that only add a field may stand between them: what they add is small, and made anew.
    """
    steps = pipeline.transforms
    labelled = [type(step) for step in steps[1:2]] == [LoadAnnotations]
    loading, others = steps[: 1 + labelled], steps[1 + labelled :]
    fields = list(takewhile(lambda step: step.adds and step.part is Part.BOTH, others))
    load, resize = (*loading[:1], None)[0], (*others[len(fields) :], None)[0]
    if type(load) is not LoadImageFromFile or type(resize) is not Resize:
        return None
    if (
        load.to_float32
        or load.color_type not in ('color', 'unchanged')
        or len(resize.scales) != 1
        or resize.ratio_range is not None
    ):
        return None
    return FixedStart(load, resize, labelled, fields, others[len(fields) + 1 :])


class Cacheable(Protocol):
    """What is asked of a data set."""

    plain_pipeline: Compose
    img_infos: Sequence[dict]
    roots: list[Root]
    reader: LabelReader
    cache_dir: str | Path | None
    data_root: str | Path | None


@dataclass(frozen=True, eq=False)
class Arrays:
    """What one store holds: the images or the label maps of a data set, resized; and how each is made.

    Attributes:
        place: the folder of the data set's stores.
        kind: 'images' or 'labels'.
        folders: where the files lie.
        names: (folder, name) of every file.
        make: how an array is made of a file.
    """

    place: Path
    kind: str
    folders: list[str]
    names: Callable[[], Iterable[tuple[str, str]]]
    make: partial

    @property
    def meaning(self) -> str:
        """What the arrays are, in words that a store keeps."""
        reader = self.make.keywords.get('reader')
        size = f'{"within" if self.make.keywords["fit"] else "exactly"} {self._size}'
        load = self.make.keywords.get('load')
        way = (
            ''
            if load is None or is_plain(load)
            else f', {load.color_type}, bands {load.bands}, grey x3 {load.repeat_grey}'
        )
        return f'{self.kind} {size}' + (f', read by {reader.meaning}' if reader else '') + way

    @property
    def folder(self) -> Path:
        """The folder of this store."""
        ways = sorted({relpath(folder, self.place) for folder in self.folders})
        key = sha256(os.fsencode('\0'.join([self.meaning, *ways]))).hexdigest()[:8]
        return self.place / f'{self.kind}-{self._size}-{key}'

    @cached_property
    def files(self) -> dict[str, str]:
        """Path of every file -> its name in the store: the way from the cache, so that both may be moved."""
        ways = {folder: (str(Path(folder)), relpath(folder, self.place)) for folder in self.folders}
        return {f'{ways[folder][0]}/{name}': f'{ways[folder][1]}/{name}' for folder, name in self.names()}

    @property
    def _size(self) -> str:
        width, height = self.make.keywords['scale']
        return f'{width}x{height}'

    def open(self) -> PixelStore:
        return open_store(self.folder, self.meaning, self.files, self.make)

    def write(self, nproc: int) -> int:
        return write_store(self.folder, self.meaning, self.files, self.make, nproc=nproc, title=self.folder.name)


def arrays_of(dataset: Cacheable) -> list[Arrays]:
    """The stores that the pipeline of ``dataset`` could read from: images, and labels if it reads them; or none."""
    start = fixed_start(dataset.plain_pipeline)
    if start is None:
        return []
    given: dict[str, Any] = {'scale': start.resize.scales[0], 'fit': start.resize.keep_ratio}
    place, infos = cache_place(dataset), dataset.img_infos
    arrays = [
        Arrays(
            place,
            'images',
            [root.img_dir for root in dataset.roots],
            lambda: ((info['img_dir'], info['filename']) for info in infos),
            partial(resized_image, **given, load=start.load),
        )
    ]
    labelled = [root.ann_dir for root in dataset.roots if root.ann_dir is not None]
    if start.labelled and labelled:
        arrays.append(
            Arrays(
                place,
                'labels',
                labelled,
                lambda: ((info['ann']['ann_dir'], info['ann']['seg_map']) for info in infos),
                partial(resized_label, **given, reader=dataset.reader),
            )
        )
    return arrays


def cache_place(dataset: Cacheable) -> Path:
    """Where the caches of ``dataset`` are: its ``cache_dir``, or a folder beside its images."""
    if dataset.cache_dir is not None:
        return Path(dataset.cache_dir)
    root = dataset.data_root or shared_folder(Path(root.img_dir).parent for root in dataset.roots)
    return Path(root, CACHE_DIR)


def is_plain(load: LoadImageFromFile) -> bool:
    """Whether images are read in colours of 8 bits."""
    return load.color_type == 'color' and load.bands is None and not load.repeat_grey


def resized_image(file: str, *, scale: Scale, fit: bool, load: LoadImageFromFile) -> tuple[np.ndarray, Size]:
    """An image file at the size of training, (h, w[, C]) as its pipeline reads it, and its own (height, width)."""
    img = load.read(file)
    resized = Resize(img_scale=scale, keep_ratio=fit).apply({'img': img}, scale)
    return resized['img'], img.shape[:2]


def resized_label(file: str, *, reader: LabelReader, scale: Scale, fit: bool) -> tuple[np.ndarray, Size]:
    """A label map at the size of training, train ids uint8 (h, w), and its file's (height, width)."""
    label = reader(file)
    fields = {'gt_semantic_seg': label, 'seg_fields': ['gt_semantic_seg']}
    return Resize(img_scale=scale, keep_ratio=fit).apply(fields, scale)['gt_semantic_seg'], label.shape


def from_cache(dataset: Cacheable) -> Compose:
    """The pipeline of ``dataset`` reading from its cache; as it is where there is none, or none to use (warns)."""
    start, arrays = fixed_start(dataset.plain_pipeline), arrays_of(dataset)
    if start is None:
        if dataset.cache_dir or cache_place(dataset).is_dir():
            print_log(f'{_unused(dataset)} Images are decoded instead.', 'current', level=logging.WARNING)
        return dataset.plain_pipeline
    if not (arrays[0].folder.is_dir() or dataset.cache_dir):
        return dataset.plain_pipeline
    try:
        images, *labels = [array.open() for array in arrays]
    except UnusableStoreError as reason:
        print_log(
            f'The training cache in {str(arrays[0].folder)!r} {reason}. Images are decoded instead. '
            f'To make it again: {COMMAND}',
            'current',
            level=logging.WARNING,
        )
        return dataset.plain_pipeline
    print_log(f'{len(arrays[0].files)} images are read from the training cache {str(arrays[0].folder)!r}.', 'current')
    fields = [ResizedField(step, start.resize) for step in start.fields]
    return Compose([CachedImage(images, start.resize), *map(CachedLabel, labels), *fields, *start.rest])


def _unused(dataset: Cacheable) -> str:
    """Why a pipeline cannot read from its cache."""
    names = [type(step).__name__ for step in dataset.plain_pipeline.transforms]
    return (
        f'The training cache in {str(cache_place(dataset))!r} cannot be used by the pipeline {" -> ".join(names)}: it '
        'has to start with LoadImageFromFile (color_type color or unchanged), perhaps LoadAnnotations, and a Resize to '
        'one img_scale without ratio_range.'
    )


class CachedImage(Transform):
    """What LoadImageFromFile and the Resize behind it give, from a store."""

    part = Part.IMAGE

    def __init__(self, store: PixelStore, resize: Resize) -> None:
        self.store = store
        self.resize = resize

    def apply(self, results: dict, params: None) -> dict:
        name = results['img_info']['filename']
        file = joined(results.get('img_prefix'), name)
        img = self.store[file]
        height, width = self.store.original(file)
        if results.get('label_shape', (height, width)) != (height, width):
            label = joined(results.get('seg_prefix'), results['ann_info']['seg_map'])
            raise InputError(size_mismatch(file, (width, height), label, results['label_shape'][::-1]))
        shape, bands = img.shape, img.shape[2:]
        zeros = np.zeros(bands or 1, np.float32)
        return {
            **results,
            'filename': file,
            'ori_filename': name,
            'img': img,
            'ori_shape': (height, width, *bands),
            'img_shape': shape,
            'pad_shape': shape,
            'scale': self.resize.scales[0],
            'scale_factor': np.array([shape[1] / width, shape[0] / height] * 2, dtype=np.float32),
            'keep_ratio': self.resize.keep_ratio,
            'img_norm_cfg': {'mean': zeros, 'std': zeros + 1, 'to_rgb': False},
        }


class ResizedField(Transform):
    """What a step that adds fields at the size of the file, and the Resize behind it, give."""

    part = Part.BOTH

    def __init__(self, step: Transform, resize: Resize) -> None:
        self.step = step
        self.resize = resize
        self.adds = step.adds

    def draw(self, results: dict, rng: np.random.Generator) -> Any:
        return self.step.draw(results, rng)

    def apply(self, results: dict, params: Any) -> dict:
        size = results['label_shape'] if 'label_shape' in results else results['ori_shape'][:2]
        made = self.step.apply({'seg_fields': ['size'], 'size': np.broadcast_to(np.uint8(0), size)}, params)
        alone = {'seg_fields': list(self.adds), **{name: made[name] for name in self.adds}}
        resized = self.resize.apply(alone, self.resize.scales[0])
        for name in self.adds:
            results = with_field(results, field_of(name), resized[name])
        return results


class CachedLabel(Transform):
    """What LoadAnnotations and the Resize behind it give, from a store."""

    part = Part.LABEL
    adds = (LABEL.name,)

    def __init__(self, store: PixelStore) -> None:
        self.store = store

    def apply(self, results: dict, params: None) -> dict:
        file = joined(results.get('seg_prefix'), results['ann_info']['seg_map'])
        read = {**results, 'label_shape': self.store.original(file), 'label_filename': file}
        return with_field(read, LABEL, self.store[file])
