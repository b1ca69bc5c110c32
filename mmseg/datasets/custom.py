"""The data set that all others are rows of: folders of images, folders of label maps, a label set."""

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mmengine.logging import print_log

from mmseg.config.names import own_data_name
from mmseg.datasets.bands import check_bands, image_reader
from mmseg.datasets.check import QUICK_PAIRS, quick_check, spread
from mmseg.datasets.class_stats import class_counts, known_class_counts
from mmseg.datasets.files import (
    Joined,
    Pairs,
    Root,
    Suffixes,
    check_labels,
    image_names,
    inside,
    roots,
    shared_folder,
    suffixes_of,
)
from mmseg.datasets.label_forms import (
    ColourEntry,
    colour_entries,
    label_set_of_colours,
    mask_files,
    refuse_several_meanings,
    table_of,
)
from mmseg.datasets.label_sets import Colour, LabelSet, class_names, label_set_of
from mmseg.datasets.labels import LabelReader, label_reader
from mmseg.datasets.pipelines.compact import compacted
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.fields import IMG, declared
from mmseg.datasets.pipelines.formatting import Collect
from mmseg.datasets.pipelines.loading import LoadAnnotations, LoadImageFromFile
from mmseg.datasets.pipelines.test_time_aug import refuse_steps_of_training
from mmseg.datasets.sense import refuse_masks_of_255
from mmseg.datasets.stream import TrainingSet
from mmseg.datasets.toy import command_for
from mmseg.datasets.training_cache import from_cache
from mmseg.errors import InputError
from mmseg.places import home_expanded, with_home
from mmseg.registry import DATASETS


@DATASETS.register_module()
class CustomDataset(TrainingSet):
    """Images ``<img_dir>/<name><img_suffix>`` with label maps ``<ann_dir>/<name><seg_map_suffix>``, any folder depth.

    Own data with any number of classes need no subclass: give ``classes`` (and ``palette``), or a ``label_set``.

    Args:
        pipeline: steps, see :mod:`mmseg.datasets.pipelines`.
        img_dir: image folder, or several in a list.
        img_suffix: end of the image names, or several in a list; in any case (.png finds .PNG).
        ann_dir: label folder, or as many as image folders; None for images without labels.
        seg_map_suffix: what takes the place of ``img_suffix`` in the name of a label map.
        split: text file with one image name a line (without suffix), or several.
        data_root: folder that the other paths are relative to.
        test_mode: the pipeline is that of testing (it never reads labels).
        ignore_index: train id of ignored pixels; None takes the label set's (255, or 65535 beyond 255 classes).
        reduce_zero_label: file value 0 is ignored, value v is class v - 1.
        classes: class names, or a text file of them. Of a data set with known classes, the ones to keep: the
            rest is ignored.
        palette: RGB colour a class.
        label_set: name in :func:`mmseg.datasets.label_sets.known_label_sets`, or a dict with the keys of ``LabelSet``.
        label_map: file value -> train id or class name, or 'cityscapes' / 'synthia' for the ids of these.
        ignore: file values that mean ignore.
        label_colors: label files show colours: ``dict(color=[r, g, b], name='building')`` for each, or a file of them
            (CSV ``id,name,r,g,b`` or JSON); name None is ignored. Without ``classes`` these are the classes, in that
            order.
        label_masks: every class is a file of its own, not 0 where it is: ``dict(name='building', folder='building',
            suffix='_mask.png')`` for ``<ann_dir>/building/<name>_mask.png``; one without folder and suffix is the class
            of what is in no mask, else that is ignored.
        cache_dir: where ``tools.cache_dataset`` stored images at the size of training; None is ``training_cache`` in
            ``data_root``. A cache that fits is read instead of the files, in training only.

    ``split_name`` is the last folder's name ('val'), or the split file's.

    Raises:
        InputError: a folder is missing or empty, an image has no label map, sizes of a pair differ, a label value
            is no class (the last two are looked for in a few pairs here, and in each one when it is read).
    """

    LABELS: ClassVar[LabelSet | None] = None
    """The label set of a subclass."""

    PREPARATION: ClassVar[str] = ''
    """How to convert the labels of a subclass: a command with ``{root}``."""

    GROUPS: ClassVar[tuple[str, ...]] = ()
    """Folders of a subclass whose images are evaluated by themselves too."""

    def __init__(
        self,
        *,
        pipeline: Sequence[dict],
        img_dir: str | list[str],
        img_suffix: str | Sequence[str] = '.jpg',
        ann_dir: str | list[str] | None = None,
        seg_map_suffix: str = '.png',
        split: str | list[str] | None = None,
        data_root: str | Path | None = None,
        test_mode: bool = False,
        ignore_index: int | None = None,
        reduce_zero_label: bool = False,
        classes: str | Sequence[str] | None = None,
        palette: tuple[Colour, ...] | None = None,
        label_set: LabelSet | str | Mapping | None = None,
        label_map: Mapping[int, int | str] | str | None = None,
        ignore: Sequence[int] = (),
        label_colors: str | Sequence[Mapping] | None = None,
        label_masks: Sequence[Mapping] | None = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        self.data_root: str | Path | None = None if data_root is None else with_home(data_root)
        self.test_mode = test_mode
        base = self.LABELS if label_set is None else label_set_of(label_set)
        owner = type(self).__name__
        refuse_several_meanings(
            owner,
            label_map=label_map,
            reduce_zero_label=reduce_zero_label,
            ignore=ignore,
            label_colors=label_colors,
            label_masks=label_masks,
        )
        colours = colour_entries(label_colors)
        self.label_set = described(base, classes, palette, ignore_index, owner, colours=colours)
        explained = ignore_index is not None or 255 in ignore or _explains_255(label_set)
        explained |= colours is not None or label_masks is not None
        self.reader = self._reader_of_ids(base, label_map, ignore, reduce_zero_label=reduce_zero_label)
        if colours is not None:
            self.reader = replace(self.reader, colours=table_of(colours, self.label_set))
        self.roots = roots(data_root, img_dir, ann_dir, split)
        if label_masks is not None:
            self._read_masks(label_masks)
            seg_map_suffix = self.reader.masks[0].suffix
        self.pipeline = self.plain_pipeline = Compose(pipeline)
        self._check_loading(reduce_zero_label=reduce_zero_label)
        further = tuple(mask.suffix for mask in self.reader.masks[1:])
        self.img_infos = self._scan(suffixes_of(img_suffix, seg_map_suffix)._replace(further=further))
        first = self.roots[0]
        self.split_name = Path(first.split).stem if first.split else Path(first.img_dir).name
        if test_mode:
            refuse_steps_of_training(self.pipeline)
        else:
            self._check_filling()
            self._check_fields()
        self.cache_dir: str | Path | None = home_expanded(cache_dir) if cache_dir else None
        if self.labelled:
            quick_check(self)
            if not explained and self.reader.label_map is None:
                refuse_masks_of_255(self)
        looked_at = [self.image_path(index) for index in spread(len(self), QUICK_PAIRS)]
        self.bands = check_bands(self.pipeline.transforms, looked_at, type(self).__name__)
        if not test_mode:
            self.pipeline = from_cache(self)

    def _reader_of_ids(
        self,
        base: LabelSet | None,
        label_map: Mapping[int, int | str] | str | None,
        ignore: Sequence[int],
        *,
        reduce_zero_label: bool,
    ) -> LabelReader:
        """How values of label files become train ids; of the classes of ``base`` those that are kept."""
        if label_map is not None and reduce_zero_label:
            raise InputError(
                'label_map and reduce_zero_label=True both say what the values of the label files mean: keep one. With '
                'a label_map, name the values as they are in the files, 0 too.'
            )
        if label_map is None and base is not None and base.classes != self.label_set.classes:
            label_map = {value: self._kept(name) for value, name in enumerate(base.classes, start=reduce_zero_label)}
            ignore = [*ignore, *range(reduce_zero_label)]
        shifted = reduce_zero_label and label_map is None
        return label_reader(self.label_set, label_map=label_map, ignore=ignore, reduce_zero_label=shifted)

    def _read_masks(self, entries: Sequence[Mapping]) -> None:
        """Let label maps be made of one file a class; the folder of the first class stands for them."""
        masks, rest = mask_files(entries, self.label_set)
        self.roots = [
            root if root.ann_dir is None else root._replace(ann_dir=str(Path(root.ann_dir, masks[0].folder)))
            for root in self.roots
        ]
        places = tuple(root.ann_dir for root in self.roots if root.ann_dir is not None)
        self.reader = replace(self.reader, masks=masks, mask_rest=rest, mask_roots=places)

    def _check_loading(self, *, reduce_zero_label: bool) -> None:
        """Let the label maps be read the same way up as the images, and refuse a setting that belongs to us."""
        for step in self.pipeline.transforms:
            if isinstance(step, LoadImageFromFile):
                self.reader = replace(self.reader, turn=step.turn)
            if isinstance(step, LoadAnnotations) and step.reduce_zero_label and not reduce_zero_label:
                raise InputError(
                    'LoadAnnotations in the pipeline has reduce_zero_label=True, but the data set has not, which reads '
                    'its labels for training and evaluation alike: give reduce_zero_label=True to the data sets '
                    '(data.train, data.val and data.test) instead.'
                )

    def _check_filling(self) -> None:
        """Refuse steps whose ignored pixels would be read as a class of this data set."""
        ignored = self.label_set.ignore_index
        for step in self.pipeline.transforms:
            for key in ('seg_pad_val', 'ignore_index'):
                if getattr(step, key, None) not in (None, ignored):
                    raise InputError(
                        f'{type(step).__name__} in the pipeline has {key}={getattr(step, key)}, but the data set '
                        f'ignore_index={ignored}: give the step {key}={ignored}.'
                    )

    def _check_fields(self) -> None:
        """Refuse a Collect of a field that no step adds, and point out a field that is added and not collected."""
        steps = self.pipeline.transforms
        added = [name for step in steps for name in step.adds]
        for collect in [step for step in steps if isinstance(step, Collect)]:
            for key in collect.keys:
                if declared(key) and key not in (IMG.name, *added):
                    raise InputError(
                        f'{type(self).__name__}: Collect in the pipeline takes {key!r}, which no step of it adds.'
                    )
            for name in set(added) - set(collect.keys):
                print_log(
                    f'{type(self).__name__}: a step of the pipeline adds {name!r}, but Collect does not take it.',
                    'current',
                    level=logging.WARNING,
                )

    @property
    def labelled(self) -> bool:
        """Whether there are label maps."""
        return self.roots[0].ann_dir is not None

    def __len__(self) -> int:
        return len(self.img_infos)

    def image_path(self, index: int) -> Path:
        info = self.img_infos[index]
        return Path(info['img_dir'], info['filename'])

    def image_of(self, index: int) -> np.ndarray:
        """The pixels of image ``index`` as its pipeline reads them, (H, W[, C])."""
        return image_reader(self.plain_pipeline.transforms)(self.image_path(index))

    def label_path(self, index: int) -> Path:
        info = self.img_infos[index]
        if 'ann' not in info:
            raise InputError(f'{type(self).__name__} has no ann_dir: there is no label map of {info["filename"]!r}.')
        return Path(info['ann']['ann_dir'], info['ann']['seg_map'])

    def group_of(self, index: int) -> str:
        """The folder of :attr:`GROUPS` that an image lies in; '' for none."""
        parts = self.image_path(index).parts
        return next((part for part in reversed(parts) if part in self.GROUPS), '')

    def label_of(self, index: int) -> np.ndarray:
        return self.reader(self.label_path(index))

    def labels_root(self) -> Path:
        """The folder that holds every label map: the data root, or what the label folders share."""
        folders = [root.ann_dir for root in self.roots if root.ann_dir is not None]
        below = self.data_root is not None and all(Path(folder).is_relative_to(self.data_root) for folder in folders)
        return Path(self.data_root) if below and self.data_root else shared_folder(folders)

    def class_counts(self, index_dir: str | Path | None = None) -> np.ndarray:
        if not self.labelled:
            raise InputError(
                f'{type(self).__name__} has no ann_dir: rare_class_sampling and long_tail_paste choose images by the '
                'pixels of each class, which are counted in the labels.'
            )
        return self._counts(partial(class_counts, index_dir=index_dir))

    def known_counts(self, index_dir: str | Path | None = None) -> np.ndarray | None:
        return self._counts(partial(known_class_counts, index_dir=index_dir)) if self.labelled else None

    def channels(self) -> set[int]:
        return self.bands

    def domain_name(self) -> str:
        """Its type; of own data, the folders that they are in."""
        if type(self) is not CustomDataset:
            return super().domain_name()
        return Path(self.data_root).resolve().name if self.data_root else own_data_name(None, self.roots[0].img_dir)

    def common_reader(self) -> LabelReader | None:
        return self.reader

    def _counts(self, count: Callable[..., np.ndarray | None]) -> Any:
        """What ``count`` says of the label maps, a row for each image."""
        root = self.labels_root()
        files: dict[str, str | Path] = {}
        names = []
        for info in self.img_infos:
            folder, name = info['ann']['ann_dir'], info['ann']['seg_map']
            below = _below(root, folder)
            names.append(f'{below}/{name}' if below else name)
            files[names[-1]] = f'{folder}/{name}'
        counts = count(files, self.reader, root)
        if counts is None or len(files) == len(names):
            return counts
        rows = {name: row for row, name in enumerate(files)}
        return counts[[rows[name] for name in names]]

    def results_of(self, index: int) -> dict:
        """The working dict a pipeline starts from."""
        info = self.img_infos[index]
        results = {'img_info': info, 'img_prefix': info['img_dir'], 'seg_fields': [], 'label_reader': self.reader}
        if 'ann' in info:
            results |= {'ann_info': info['ann'], 'seg_prefix': info['ann']['ann_dir']}
        return results

    def draw(self, index: int, rng: np.random.Generator, accept: Callable[[np.ndarray], bool] | None = None) -> dict:
        return self.pipeline(self.results_of(index), rng, accept)

    def compacted(self) -> 'CustomDataset':
        other = copy(self)
        other.pipeline = compacted(self.pipeline)
        return other

    def __getitem__(self, index: int) -> dict:
        """Image ``index`` through the pipeline; whatever chance that takes depends on ``index`` alone."""
        return self.draw(index, np.random.default_rng(index))

    def remedy(self) -> str:
        """How a user gets the files this data set misses."""
        root = self.data_root or '<data root>'
        drawn = command_for(root)
        if drawn:
            return f'Draw the toy pair first, in this folder: {drawn}'
        where = f'data_root ({root!r}), ' if self.data_root else ''
        advice = f'Check {where}img_dir, ann_dir and the suffixes.'
        if self.PREPARATION:
            advice += f' After unpacking the data set convert its labels: {self.PREPARATION.format(root=root)}'
        return advice

    def _kept(self, name: str) -> int:
        chosen = self.label_set
        return chosen.index(name) if name in chosen.classes else chosen.ignore_index

    def _names(self, root: Root, suffixes: Suffixes) -> tuple[list[str], dict[str, str]]:
        """Images of a folder, and the label maps of those whose name does not follow from the image's."""
        return image_names(root, suffixes, self.remedy())

    def _scan(self, suffixes: Suffixes) -> Joined:
        found = []
        for root in self.roots:
            images, odd = self._names(root, suffixes)
            if root.ann_dir is not None:
                alone = [image for image in images if image not in odd]
                for place, part in self._places_of_labels(root, suffixes) if alone else ():
                    odd |= check_labels(place, alone, part, self.remedy(), exact=bool(self.reader.masks))
            found.append(Pairs(root, images, suffixes, odd))
        return Joined(found)

    def _places_of_labels(self, root: Root, suffixes: Suffixes) -> list[tuple[Root, Suffixes]]:
        """Where the label maps of a root lie, and how they end: of masks, those of every class."""
        if not self.reader.masks:
            return [(root, suffixes)]
        folders = self.reader.mask_folders(str(root.ann_dir))
        return [
            (root._replace(ann_dir=str(folder)), Suffixes(suffixes.img, mask.suffix))
            for folder, mask in zip(folders, self.reader.masks, strict=True)
        ]


def _explains_255(label_set: LabelSet | str | Mapping | None) -> bool:
    """Whether a label set says itself that the file value 255 means ignored."""
    if isinstance(label_set, Mapping):
        return 'ignore_index' in label_set or 255 in label_set.get('ignored_values', ())
    return label_set is not None


@lru_cache(maxsize=8)
def _below(root: Path, folder: str) -> str:
    """The path of ``folder`` below ``root``, POSIX; '' for the root itself."""
    path = inside(folder, root).as_posix()
    return '' if path == '.' else path


def described(
    base: LabelSet | None,
    classes: str | Sequence[str] | None,
    palette: tuple[Colour, ...] | None,
    ignore_index: int | None,
    owner: str,
    *,
    colours: Sequence[ColourEntry] | None = None,
) -> LabelSet:
    """The label set that a data set's arguments describe, starting from ``base``; without classes, of its ``colours``.

    Raises:
        InputError: neither a label set nor classes, or a class that ``base`` does not have.
    """
    if classes is not None:
        names = class_names(classes)
        base = LabelSet(name=owner, classes=names) if base is None else base.subset(names)
    if base is None and colours:
        base = label_set_of_colours(colours, owner)
    if base is None:
        raise InputError(f'{owner} needs classes (a list of names) or a label_set: what do the label values mean?')
    return replace(
        base,
        palette=base.palette if palette is None else palette,
        ignore_index=base.ignore_index if ignore_index is None else ignore_index,
    )
