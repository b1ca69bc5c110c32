"""Pairs of a labelled source and an unlabelled target image."""

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from mmseg.datasets.dataset_wrappers import built, check_same_classes
from mmseg.datasets.files import roots, suffixes_of, walk
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import LabelReader
from mmseg.datasets.long_tail_paste import LongTailPaste
from mmseg.datasets.mixture import MixedDataset, mixed, shares_of, with_share
from mmseg.datasets.pipelines.fields import VALID_PSEUDO
from mmseg.datasets.rare_class_sampling import RareClassSampler, Shows
from mmseg.datasets.stream import Domain, TrainingSet, generator, told
from mmseg.datasets.sync_crop import check_size, cut_alike
from mmseg.errors import InputError, nearest
from mmseg.registry import DATASETS

SOURCE, TARGET, SECOND_SOURCE = 0, 1, 2
RCS_KEYS = ('min_pixels', 'class_temp', 'min_crop_ratio', 'tries')
LONG_TAIL_KEYS = ('classes', 'num_classes', 'min_pixels', 'min_crop_ratio')
LABELLED_SHARE = 0.5


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
        source: config of the labelled data set, a list of them, or the data set. None: there are no labels at all, and
            samples hold the target's fields alone, for methods that start from a trained network.
        target: the same for the unlabelled one. A plain CustomDataset need not repeat the classes of the source.
        source_weights: of a list of sources, how often each is drawn, see :class:`MixedDataset`; rare class sampling
            then draws a class of all of them, and after it the data set. None: all images are alike.
        target_weights: the same of a list of targets.
        labelled_target: config of target images with labels, which join the source; they stay among the unlabelled
            ones too, if these hold them.
        labelled_target_share: how often a labelled image is one of these, between 0 and 1; by default 0.5.
        rare_class_sampling: None, or a dict of ``min_pixels``, ``class_temp``, ``min_crop_ratio``, ``tries`` as in
            :class:`RareClassSampler`.
        second_source: add another source image, ``template_img``, ``template_img_metas`` and
            ``template_gt_semantic_seg``, drawn as the first.
        long_tail_paste: None, or the settings of :class:`LongTailPaste`, which adds ``paste_img``,
            ``paste_img_metas``, ``paste_label``. All labelled images are alike to it.
        sync_crop_size: (height, width) of a box that is cut from all images of a sample alike, after everything else;
            rare class sampling judges what was there before. None = nothing is cut.
        pseudo_margins: pixels at the top, bottom, left and right of the target's files whose pseudo-labels do not
            count, or percentages, see :class:`PseudoMargins`; adds ``target_valid_pseudo_mask``. None = all count.
        index_dir: where the class index of the source goes if its own folder cannot be written to.

    Attributes:
        source: the labelled images, None where there are none.
        sampler: the :class:`RareClassSampler`, or None.
        long_tail: the :class:`LongTailPaste`, or None.

    Raises:
        InputError: the classes of source and target differ, weights are not as many numbers as data sets, something
            of the source is asked for where there is none, or as the data sets.
    """

    def __init__(
        self,
        *,
        source: dict | Sequence[dict] | TrainingSet | None = None,
        target: dict | Sequence[dict] | TrainingSet,
        source_weights: Sequence[float] | None = None,
        target_weights: Sequence[float] | None = None,
        labelled_target: dict | None = None,
        labelled_target_share: float | None = None,
        rare_class_sampling: Mapping | None = None,
        second_source: bool = False,
        long_tail_paste: Mapping | None = None,
        sync_crop_size: tuple[int, int] | None = None,
        pseudo_margins: Sequence[int | str] | None = None,
        index_dir: str | Path | None = None,
    ) -> None:
        if source is None:
            refuse_without_source(
                source_weights=source_weights,
                labelled_target=labelled_target,
                labelled_target_share=labelled_target_share,
                rare_class_sampling=rare_class_sampling,
                second_source=second_source or None,
                long_tail_paste=long_tail_paste,
            )
        self.source = None if source is None else mixed(source, source_weights, 'data.train.source_weights')
        if labelled_target is None and labelled_target_share is not None:
            raise InputError(
                f'data.train.labelled_target_share={labelled_target_share} says how often images of labelled_target '
                'are drawn, but there is no data.train.labelled_target: give one, or leave it out.'
            )
        if self.source is not None and labelled_target is not None:
            share = LABELLED_SHARE if labelled_target_share is None else labelled_target_share
            further = built(labelled_target)
            check_same_classes(self.source.label_set, further.label_set, 'source and labelled_target')
            key = 'data.train.labelled_target_share'
            self.source = with_share(self.source, further, share, key)
        self.target = self._target(target, target_weights, pseudo_margins)
        self.label_set = self.target.label_set if self.source is None else self.source.label_set
        check_same_classes(self.label_set, self.target.label_set)
        self.second_source = second_source
        self.sync_crop_size = check_size(sync_crop_size)
        self.sampler = self.long_tail = None
        if self.source is not None and rare_class_sampling is not None:
            check_keys('rare_class_sampling', rare_class_sampling, RCS_KEYS)
            counts = self.source.class_counts(index_dir)
            sources = self.source.sources() if isinstance(self.source, MixedDataset) else None
            self.sampler = RareClassSampler(counts, self.CLASSES, sources=sources, **rare_class_sampling)
        if self.source is not None and long_tail_paste is not None:
            check_keys('long_tail_paste', long_tail_paste, LONG_TAIL_KEYS)
            self.long_tail = LongTailPaste(self.source.class_counts(index_dir), self.label_set, **long_tail_paste)

    def _target(
        self,
        target: dict | Sequence[dict] | TrainingSet,
        weights: Sequence[float] | None,
        margins: Sequence[int | str] | None,
    ) -> TrainingSet:
        """The unlabelled images, which know nothing of labels."""
        if isinstance(target, list | tuple):
            kind: dict[str, Any] = {'type': 'ConcatDataset'}
            if weights is not None:
                shares_of(weights, len(target), 'data.train.target_weights')
                kind = {'type': 'MixedDataset', 'weights': weights} if len(target) > 1 else kind
            target = {**kind, 'datasets': target}
        elif weights is not None:
            raise InputError('data.train.target_weights says how often each of several targets is drawn: give a list.')
        if isinstance(target, dict):
            target = unlabelled(target, None if self.source is None else self.source.label_set)
            target = target if margins is None else with_margins(target, margins)
        elif margins is not None:
            raise InputError('pseudo_margins changes the pipeline of the target: give the target as a config.')
        return built(target)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.target) * (1 if self.source is None else len(self.source))

    def sample(self, i: int, seed: int) -> dict:
        """Pair ``i`` of the training stream of a run with ``seed``."""
        rng = generator(seed, i)
        labelled = {} if self.source is None else self._draw_source(self.source, i, seed, rng, SOURCE)
        target = self.target.draw(self._target_place(i, seed, rng), rng)
        sample = {**labelled, **{f'target_{key}': value for key, value in target.items()}}
        if self.source is not None and self.second_source:
            template = self._draw_source(self.source, i, seed, rng, SECOND_SOURCE)
            sample |= {f'template_{key}': template[key] for key in ('img', 'img_metas', 'gt_semantic_seg')}
        if self.source is not None and self.long_tail is not None:
            sample |= self.long_tail.sample(self.source, rng)
        return sample if self.sync_crop_size is None else cut_alike(sample, self.sync_crop_size, rng)

    def __getitem__(self, index: int) -> dict:
        return self.sample(index, seed=0)

    def known_counts(self, index_dir: str | Path | None = None) -> np.ndarray | None:
        """Of the source, whose labels are those that are learnt from."""
        return None if self.source is None else self.source.known_counts(index_dir)

    def image_lists(self) -> dict[str, Sequence[dict]]:
        parts = {'target': self.target} if self.source is None else {'source': self.source, 'target': self.target}
        return {role: infos for role, part in parts.items() for infos in part.image_lists().values()}

    def channels(self) -> set[int]:
        return self.target.channels() | (set() if self.source is None else self.source.channels())

    def common_reader(self) -> LabelReader | None:
        return None if self.source is None else self.source.common_reader()

    def compacted(self) -> 'UDADataset':
        other = copy(self)
        other.source = None if self.source is None else self.source.compacted()
        other.target = self.target.compacted()
        return other

    def domains(self) -> list[Domain]:
        """Of the labelled images, as rare class sampling draws them if there is one."""
        found = [] if self.source is None else self.source.domains()
        if not found or self.sampler is None:
            return found
        ends = np.cumsum([one.images for one in found])
        shares = map(np.sum, np.split(self.sampler.image_probabilities(), ends[:-1]))
        return [one._replace(share=float(share)) for one, share in zip(found, shares, strict=True)]

    def about_domains(self) -> list[str]:
        return [*told('Labelled images', self.domains()), *told('Target images', self.target.domains())]

    def _target_place(self, i: int, seed: int, rng: np.random.Generator) -> int:
        if self.sampler is None or isinstance(self.target, MixedDataset):
            return self.target.place(i, seed, TARGET, rng)
        return int(rng.choice(len(self.target)))

    def _draw_source(self, source: TrainingSet, i: int, seed: int, rng: np.random.Generator, stream: int) -> dict:
        if self.sampler is None:
            return source.draw(source.place(i, seed, stream, rng), rng)
        wanted = self.sampler.draw(rng)
        return source.draw(wanted.image, rng, Shows(self.sampler, wanted.train_id))


def refuse_without_source(**given: Any) -> None:
    """Refuse what only labelled images can give.

    Raises:
        InputError: names the key.
    """
    for key, value in given.items():
        if value is not None:
            raise InputError(f'data.train.{key} is about labelled images, but data.train has no source.')


def check_keys(option: str, given: Mapping, known: Sequence[str]) -> None:
    """Refuse a key of ``option`` that is not known."""
    for key in given.keys() - set(known):
        raise InputError(f'{option} has no key {key!r}.{nearest(key, known)}')


def unlabelled(dataset: dict, label_set: LabelSet | None) -> dict:
    """The config of a data set, or of one that wraps others, with everything about labels taken out.

    A plain CustomDataset without classes of its own has those of ``label_set``, if there is one.

    Raises:
        InputError: its label maps lie below its images and would be taken for some.
    """
    cfg = dict(dataset)
    if 'dataset' in cfg:
        return {**cfg, 'dataset': unlabelled(cfg['dataset'], label_set)}
    if 'datasets' in cfg:
        return {**cfg, 'datasets': [unlabelled(part, label_set) for part in cfg['datasets']]}
    says = {'classes', 'label_set', 'label_colors'} & cfg.keys()
    if label_set is not None and cfg.get('type') == 'CustomDataset' and not says:
        cfg['label_set'] = label_set
    if cfg.get('img_suffix') and cfg.get('ann_dir'):
        _refuse_labels_below_images(cfg)
    return {**cfg, 'ann_dir': None, 'pipeline': image_steps(cfg.get('pipeline', []))}


def _refuse_labels_below_images(cfg: Mapping[str, Any]) -> None:
    """Refuse a folder of label maps below that of the images, which is searched with its tree, where both end alike."""
    suffixes = suffixes_of(cfg['img_suffix'], cfg.get('seg_map_suffix', ''))
    for root in roots(cfg.get('data_root'), cfg['img_dir'], cfg['ann_dir'], None):
        below = Path(root.img_dir) in Path(str(root.ann_dir)).parents
        if below and any(suffixes.stem(name) is not None for name in walk(str(root.ann_dir))):
            raise InputError(
                f'The label maps in {root.ann_dir!r} lie below the images in {root.img_dir!r} and end like them '
                f'({", ".join(suffixes.img)}): they would be taken for target images. Name a folder of images alone as '
                'img_dir, or a longer img_suffix.'
            )


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
