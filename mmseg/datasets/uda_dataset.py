"""Pairs of a labelled source and an unlabelled target image."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from mmseg.datasets.dataset_wrappers import built, check_same_classes
from mmseg.datasets.rare_class_sampling import RareClassSampler
from mmseg.datasets.stream import TrainingSet, generator, shuffled
from mmseg.errors import InputError, nearest
from mmseg.registry import DATASETS

SOURCE, TARGET = 0, 1
RCS_KEYS = ('min_pixels', 'class_temp', 'min_crop_ratio')


@DATASETS.register_module()
class UDADataset(TrainingSet):
    """Samples ``{'img', 'img_metas', 'gt_semantic_seg', 'target_img', 'target_img_metas'}``.

    Labels of the target are never opened, whatever its config says of them. Without rare class sampling, source
    and target each run through all their images once per epoch of their own, in independent random orders
    (DAFormer runs through all pairs instead, which no training ever does).

    Args:
        source: config of the labelled data set (or the data set).
        target: config of the unlabelled one. A plain CustomDataset need not repeat the classes.
        rare_class_sampling: None, or a dict of ``min_pixels``, ``class_temp``, ``min_crop_ratio`` as in
            :class:`RareClassSampler`.
        index_dir: where the class index of the source goes if its own folder cannot be written to.

    Attributes:
        sampler: the :class:`RareClassSampler`, or None.

    Raises:
        InputError: the classes of source and target differ, or as the two data sets.
    """

    def __init__(
        self,
        *,
        source: dict | TrainingSet,
        target: dict | TrainingSet,
        rare_class_sampling: Mapping | None = None,
        index_dir: str | Path | None = None,
    ) -> None:
        self.source = built(source)
        self.label_set = self.source.label_set
        if isinstance(target, dict):
            target = without_labels(target)
            own = target.get('type') != 'CustomDataset' or {'classes', 'label_set'} & target.keys()
            target = target if own else {**target, 'label_set': self.label_set}
        self.target = built(target)
        check_same_classes(self.label_set, self.target.label_set)
        self.sampler = None
        if rare_class_sampling is not None:
            for key in rare_class_sampling.keys() - set(RCS_KEYS):
                raise InputError(f'rare_class_sampling has no key {key!r}.{nearest(key, RCS_KEYS)}')
            counts = self.source.class_counts(index_dir)
            self.sampler = RareClassSampler(counts, self.CLASSES, **rare_class_sampling)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.source) * len(self.target)

    def sample(self, i: int, seed: int) -> dict:
        """Pair ``i`` of the training stream of a run with ``seed``."""
        rng = generator(seed, i)
        if self.sampler is None:
            labelled = self.source.draw(shuffled(i, len(self.source), seed, SOURCE), rng)
            unlabelled = shuffled(i, len(self.target), seed, TARGET)
        else:
            wanted = self.sampler.draw(rng)
            accept = partial(self.sampler.enough, train_id=wanted.train_id)
            labelled = self.source.draw(wanted.image, rng, accept)
            unlabelled = int(rng.choice(len(self.target)))
        target = self.target.draw(unlabelled, rng)
        return {**labelled, 'target_img': target['img'], 'target_img_metas': target['img_metas']}

    def __getitem__(self, index: int) -> dict:
        return self.sample(index, seed=0)


def without_labels(dataset: dict) -> dict:
    """The config of a data set, or of one that wraps others, with everything about labels taken out."""
    cfg = dict(dataset)
    if 'dataset' in cfg:
        return {**cfg, 'dataset': without_labels(cfg['dataset'])}
    if 'datasets' in cfg:
        return {**cfg, 'datasets': [without_labels(part) for part in cfg['datasets']]}
    return {**cfg, 'ann_dir': None, 'pipeline': image_steps(cfg.get('pipeline', []))}


def image_steps(pipeline: Sequence[dict]) -> list[dict]:
    """A training pipeline for images alone: labels are neither loaded nor collected."""
    steps = [dict(step) for step in pipeline if step['type'] != 'LoadAnnotations']
    for step in steps:
        if step['type'] == 'Collect':
            step['keys'] = [key for key in step['keys'] if key != 'gt_semantic_seg']
    return steps
