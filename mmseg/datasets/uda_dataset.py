"""Pairs of a labelled source and an unlabelled target image."""

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path

import numpy as np

from mmseg.datasets.dataset_wrappers import built, check_same_classes
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import LabelReader
from mmseg.datasets.long_tail_paste import LongTailPaste
from mmseg.datasets.pipelines.fields import VALID_PSEUDO
from mmseg.datasets.rare_class_sampling import RareClassSampler, Shows
from mmseg.datasets.stream import TrainingSet, generator, shuffled
from mmseg.datasets.sync_crop import check_size, cut_alike
from mmseg.errors import InputError, nearest
from mmseg.registry import DATASETS

SOURCE, TARGET, SECOND_SOURCE = 0, 1, 2
RCS_KEYS = ('min_pixels', 'class_temp', 'min_crop_ratio', 'tries')
LONG_TAIL_KEYS = ('classes', 'num_classes', 'min_pixels', 'min_crop_ratio')


@DATASETS.register_module()
class UDADataset(TrainingSet):
    """Samples ``{'img', 'img_metas', 'gt_semantic_seg', 'target_img', 'target_img_metas'}``.

    Whatever else the pipelines collect is handed on: that of the source under its name, that of the target with
    ``target_`` in front. What is drawn besides (``second_source``, ``long_tail_paste``) is drawn after them and leaves
    them as they are.

    Labels of the target are never opened, whatever its config says of them. Without rare class sampling, source
    and target each run through all their images once per epoch of their own, in independent random orders
    (DAFormer runs through all pairs instead, which no training ever does).

    Args:
        source: config of the labelled data set, a list of them, or the data set.
        target: the same for the unlabelled one. A plain CustomDataset need not repeat the classes.
        rare_class_sampling: None, or a dict of ``min_pixels``, ``class_temp``, ``min_crop_ratio``, ``tries`` as in
            :class:`RareClassSampler`.
        second_source: add another source image, ``template_img``, ``template_img_metas`` and
            ``template_gt_semantic_seg``, drawn as the first.
        long_tail_paste: None, or the settings of :class:`LongTailPaste`, which adds ``paste_img``,
            ``paste_img_metas``, ``paste_label``.
        sync_crop_size: (height, width) of a box that is cut from all images of a sample alike, after everything else;
            rare class sampling judges what was there before. None = nothing is cut.
        pseudo_margins: pixels at the top, bottom, left and right of the target's files whose pseudo-labels do not
            count, or percentages, see :class:`PseudoMargins`; adds ``target_valid_pseudo_mask``. None = all count.
        index_dir: where the class index of the source goes if its own folder cannot be written to.

    Attributes:
        sampler: the :class:`RareClassSampler`, or None.
        long_tail: the :class:`LongTailPaste`, or None.

    Raises:
        InputError: the classes of source and target differ, or as the two data sets.
    """

    def __init__(
        self,
        *,
        source: dict | Sequence[dict] | TrainingSet,
        target: dict | Sequence[dict] | TrainingSet,
        rare_class_sampling: Mapping | None = None,
        second_source: bool = False,
        long_tail_paste: Mapping | None = None,
        sync_crop_size: tuple[int, int] | None = None,
        pseudo_margins: Sequence[int | str] | None = None,
        index_dir: str | Path | None = None,
    ) -> None:
        self.source = built(source)
        self.label_set = self.source.label_set
        if isinstance(target, list | tuple):
            target = {'type': 'ConcatDataset', 'datasets': target}
        if isinstance(target, dict):
            target = unlabelled(target, self.label_set)
            target = target if pseudo_margins is None else with_margins(target, pseudo_margins)
        elif pseudo_margins is not None:
            raise InputError('pseudo_margins changes the pipeline of the target: give the target as a config.')
        self.target = built(target)
        check_same_classes(self.label_set, self.target.label_set)
        self.second_source = second_source
        self.sync_crop_size = check_size(sync_crop_size)
        self.sampler = self.long_tail = None
        if rare_class_sampling is not None:
            check_keys('rare_class_sampling', rare_class_sampling, RCS_KEYS)
            self.sampler = RareClassSampler(self.source.class_counts(index_dir), self.CLASSES, **rare_class_sampling)
        if long_tail_paste is not None:
            check_keys('long_tail_paste', long_tail_paste, LONG_TAIL_KEYS)
            self.long_tail = LongTailPaste(self.source.class_counts(index_dir), self.label_set, **long_tail_paste)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.source) * len(self.target)

    def sample(self, i: int, seed: int) -> dict:
        """Pair ``i`` of the training stream of a run with ``seed``."""
        rng = generator(seed, i)
        labelled = self._draw_source(i, seed, rng, SOURCE)
        rare = self.sampler is not None
        unlabelled = int(rng.choice(len(self.target))) if rare else shuffled(i, len(self.target), seed, TARGET)
        target = self.target.draw(unlabelled, rng)
        sample = {**labelled, **{f'target_{key}': value for key, value in target.items()}}
        if self.second_source:
            template = self._draw_source(i, seed, rng, SECOND_SOURCE)
            sample |= {f'template_{key}': template[key] for key in ('img', 'img_metas', 'gt_semantic_seg')}
        if self.long_tail is not None:
            sample |= self.long_tail.sample(self.source, rng)
        return sample if self.sync_crop_size is None else cut_alike(sample, self.sync_crop_size, rng)

    def __getitem__(self, index: int) -> dict:
        return self.sample(index, seed=0)

    def known_counts(self, index_dir: str | Path | None = None) -> np.ndarray | None:
        """Of the source, whose labels are those that are learnt from."""
        return self.source.known_counts(index_dir)

    def channels(self) -> set[int]:
        return self.source.channels() | self.target.channels()

    def common_reader(self) -> LabelReader | None:
        return self.source.common_reader()

    def compacted(self) -> 'UDADataset':
        other = copy(self)
        other.source, other.target = self.source.compacted(), self.target.compacted()
        return other

    def _draw_source(self, i: int, seed: int, rng: np.random.Generator, stream: int) -> dict:
        if self.sampler is None:
            return self.source.draw(shuffled(i, len(self.source), seed, stream), rng)
        wanted = self.sampler.draw(rng)
        return self.source.draw(wanted.image, rng, Shows(self.sampler, wanted.train_id))


def check_keys(option: str, given: Mapping, known: Sequence[str]) -> None:
    """Refuse a key of ``option`` that is not known."""
    for key in given.keys() - set(known):
        raise InputError(f'{option} has no key {key!r}.{nearest(key, known)}')


def unlabelled(dataset: dict, label_set: LabelSet) -> dict:
    """The config of a data set, or of one that wraps others, with everything about labels taken out.

    A plain CustomDataset without classes of its own has those of ``label_set``.
    """
    cfg = dict(dataset)
    if 'dataset' in cfg:
        return {**cfg, 'dataset': unlabelled(cfg['dataset'], label_set)}
    if 'datasets' in cfg:
        return {**cfg, 'datasets': [unlabelled(part, label_set) for part in cfg['datasets']]}
    if cfg.get('type') == 'CustomDataset' and not {'classes', 'label_set', 'label_colors'} & cfg.keys():
        cfg['label_set'] = label_set
    return {**cfg, 'ann_dir': None, 'pipeline': image_steps(cfg.get('pipeline', []))}


def with_margins(dataset: dict, margins: Sequence[int | str]) -> dict:
    """The config of a data set, or of one that wraps others, whose images come with ``valid_pseudo_mask``."""
    if 'dataset' in dataset:
        return {**dataset, 'dataset': with_margins(dataset['dataset'], margins)}
    if 'datasets' in dataset:
        return {**dataset, 'datasets': [with_margins(part, margins) for part in dataset['datasets']]}
    steps = [dict(step) for step in dataset['pipeline']]
    for step in steps:
        if step['type'] == 'Collect':
            step['keys'] = [*step['keys'], VALID_PSEUDO.name]
    loaded = [step['type'] for step in steps].index('LoadImageFromFile') + 1
    return {**dataset, 'pipeline': [*steps[:loaded], {'type': 'PseudoMargins', 'margins': margins}, *steps[loaded:]]}


def image_steps(pipeline: Sequence[dict]) -> list[dict]:
    """A training pipeline for images alone: labels are neither loaded nor collected."""
    steps = [dict(step) for step in pipeline if step['type'] != 'LoadAnnotations']
    for step in steps:
        if step['type'] == 'Collect':
            step['keys'] = [key for key in step['keys'] if key != 'gt_semantic_seg']
    return steps
