"""Published data sets as rows of a table: what their labels mean and how their files are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.files import Root, Suffixes, image_names, no_label_map, walk
from mmseg.datasets.label_sets import CAMVID11, CITYSCAPES19, LabelSet, class_names
from mmseg.datasets.published_labels import (
    ADE150,
    ISPRS6,
    LOVEDA7,
    POTSDAM_TEST,
    POTSDAM_TRAIN,
    SHIFT22,
    UAVID8,
    VAIHINGEN_TEST,
    VAIHINGEN_TRAIN,
)
from mmseg.errors import InputError, nearest
from mmseg.registry import DATASETS

NO_EDGES = (0, 0, 0)
"""In the label images of ISPRS that leave out edges, the colour of these."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published data set.

    Attributes:
        label_set: its classes.
        images: where images of training lie below the unpacked data, with one of them; for messages and the docs.
        labels: where its label map lies.
        img_suffix: ends of the names of images.
        seg_map_suffix: end of the name of a label map.
        label_map: name of a table of :data:`mmseg.datasets.label_sets.FILE_IDS`.
        reduce_zero_label: the ids in the files begin at 1.
        coloured: labels are colours, those of the palette.
        ignored_colours: further colours, which mean ignored.
        renamed: what is in the path of an image, and what is in its place in that of its label map.
        parts: ends of the stems of the images of each published part, where all lie in one folder.
        preparation: a command with ``{root}``.
    """

    label_set: LabelSet
    images: str
    labels: str
    img_suffix: tuple[str, ...] = ('.png',)
    seg_map_suffix: str = '.png'
    label_map: str | None = None
    reduce_zero_label: bool = False
    coloured: bool = False
    ignored_colours: tuple[tuple[int, int, int], ...] = ()
    renamed: tuple[str, str] | None = None
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    preparation: str = ''


READY: Mapping[str, Published] = {
    'ade20k': Published(
        label_set=ADE150,
        images='images/training/ADE_train_00000001.jpg',
        labels='annotations/training/ADE_train_00000001.png',
        img_suffix=('.jpg',),
        reduce_zero_label=True,
    ),
    'bdd100k': Published(
        label_set=CITYSCAPES19,
        images='images/10k/train/0004a4c0-d4dff0ad.jpg',
        labels='labels/sem_seg/masks/train/0004a4c0-d4dff0ad.png',
        img_suffix=('.jpg',),
    ),
    'camvid': Published(label_set=CAMVID11, images='train/0001TP_006690.png', labels='trainannot/0001TP_006690.png'),
    'idd': Published(
        label_set=CITYSCAPES19,
        images='leftImg8bit/train/0/000000_leftImg8bit.png',
        labels='gtFine/train/0/000000_gtFine_labelcsTrainIds.png',
        img_suffix=('_leftImg8bit.png', '_leftImg8bit.jpg'),
        seg_map_suffix='_gtFine_labelcsTrainIds.png',
    ),
    'kitti': Published(
        label_set=CITYSCAPES19,
        images='training/image_2/000000_10.png',
        labels='training/semantic/000000_10.png',
        label_map='cityscapes',
    ),
    'loveda': Published(
        label_set=LOVEDA7,
        images='Train/Urban/images_png/1366.png',
        labels='Train/Urban/masks_png/1366.png',
        reduce_zero_label=True,
        renamed=('/images_png/', '/masks_png/'),
    ),
    'mapillary': Published(
        label_set=CITYSCAPES19,
        images='training/images/0035fkbjWljhaftpVM37-g.jpg',
        labels='training/labels/0035fkbjWljhaftpVM37-g.png',
        img_suffix=('.jpg',),
        label_map='mapillary',
    ),
    'potsdam': Published(
        label_set=ISPRS6,
        images='2_Ortho_RGB/top_potsdam_2_10_RGB.tif',
        labels='5_Labels_all/top_potsdam_2_10_label.tif',
        img_suffix=('_RGB.tif', '_IRRG.tif', '_RGBIR.tif'),
        seg_map_suffix='_label.tif',
        coloured=True,
        ignored_colours=(NO_EDGES,),
        parts={
            'train': tuple(f'potsdam_{tile}' for tile in POTSDAM_TRAIN),
            'test': tuple(f'potsdam_{tile}' for tile in POTSDAM_TEST),
        },
    ),
    'shift': Published(
        label_set=SHIFT22,
        images='train/front/0003-17fb/00000000_img_front.jpg',
        labels='train/front/0003-17fb/00000000_labelTrainIds.png',
        img_suffix=('_img_front.jpg',),
        seg_map_suffix='_labelTrainIds.png',
        preparation='mmseg convert shift {root} --nproc 8',
    ),
    'uavid': Published(
        label_set=UAVID8,
        images='uavid_train/seq1/Images/000000.png',
        labels='uavid_train/seq1/Labels/000000.png',
        coloured=True,
        renamed=('/Images/', '/Labels/'),
    ),
    'urbansyn': Published(
        label_set=CITYSCAPES19, images='rgb/rgb_0001.png', labels='ss/ss_0001.png', renamed=('/rgb_', '/ss_')
    ),
    'vaihingen': Published(
        label_set=ISPRS6,
        images='top/top_mosaic_09cm_area1.tif',
        labels='gts_for_participants/top_mosaic_09cm_area1.tif',
        img_suffix=('.tif',),
        seg_map_suffix='.tif',
        coloured=True,
        ignored_colours=(NO_EDGES,),
        parts={
            'train': tuple(f'_area{area}' for area in VAIHINGEN_TRAIN),
            'test': tuple(f'_area{area}' for area in VAIHINGEN_TEST),
        },
    ),
    'wilddash2': Published(
        label_set=CITYSCAPES19,
        images='images/aa0000_000000.jpg',
        labels='labels/aa0000_000000.png',
        img_suffix=('.jpg',),
        label_map='wilddash',
    ),
}


@DATASETS.register_module()
class ReadyDataset(CustomDataset):
    """A published data set of :data:`READY` as it is unpacked; its table is in ``docs/data_sets.md``.

    ``img_dir`` and ``ann_dir`` are folders below ``data_root``; what names, ids and colours mean is known.

    Args:
        name: of the data set: ade20k, bdd100k, ...
        part: 'train' or 'test', where the images of both lie in one folder; None takes all.
        classes: the ones to keep, the rest is ignored; None keeps all.
        img_suffix: other ends of image names than the published ones, as of images that were converted.
        seg_map_suffix: likewise of label maps.
        **dataset: of :class:`CustomDataset`.

    Raises:
        InputError: there is no such data set or part; or as :class:`CustomDataset`.
    """

    GROUPS = ('Urban', 'Rural')  # of LoveDA

    def __init__(
        self,
        *,
        name: str,
        part: str | None = None,
        classes: str | Sequence[str] | None = None,
        img_suffix: str | Sequence[str] | None = None,
        seg_map_suffix: str | None = None,
        **dataset,
    ) -> None:
        if name not in READY:
            raise InputError(f'ReadyDataset: {name!r} is not known.{nearest(name, READY)} Known: {", ".join(READY)}.')
        self.ready = ready = READY[name]
        if part is not None and part not in ready.parts:
            known = f'its parts are {", ".join(ready.parts)}' if ready.parts else 'its parts are folders: leave it out'
            raise InputError(f'ReadyDataset {name!r} has no part {part!r}; {known}.')
        self.part = None if part is None else ready.parts[part]
        kept = ready.label_set.classes if classes is None else class_names(classes)
        super().__init__(
            img_suffix=img_suffix or ready.img_suffix,
            seg_map_suffix=seg_map_suffix or ready.seg_map_suffix,
            classes=None if classes is None else kept,
            **{**_meaning(ready, kept), **dataset},
        )

    def remedy(self) -> str:
        ready, root = self.ready, self.data_root or '<data root>'
        advice = f'Published layout below data_root ({root!r}): image {ready.images}, label map {ready.labels}.'
        if ready.preparation:
            advice += f' After unpacking convert the labels: {ready.preparation.format(root=root)}'
        return advice

    def _names(self, root: Root, suffixes: Suffixes) -> tuple[list[str], dict[str, str]]:
        ready = self.ready
        alone = root._replace(ann_dir=None) if ready.renamed else root
        images, odd = image_names(alone, suffixes, self.remedy())
        if self.part is not None:
            images = [image for image in images if str(suffixes.stem(image)).endswith(self.part)]
            if not images:
                raise InputError(f'{root.img_dir!r} holds no image of the part asked for. {self.remedy()}')
        if ready.renamed and any(ready.renamed[0] in f'/{image}' for image in images):
            before, after = ready.renamed
            images = [image for image in images if before in f'/{image}']  # the others are label maps
            if root.ann_dir is not None:
                odd = {
                    image: f'/{suffixes.stem(image)}{suffixes.seg_map}'.replace(before, after)[1:] for image in images
                }
                _check_there(root, odd, self.remedy())
        return images, odd


def _meaning(ready: Published, kept: Sequence[str]) -> dict[str, Any]:
    """Arguments of :class:`CustomDataset` for the labels of a published data set of which some classes are kept."""
    if not ready.coloured:
        return {
            'label_set': ready.label_set,
            'label_map': ready.label_map,
            'reduce_zero_label': ready.reduce_zero_label,
        }
    named = zip(ready.label_set.palette, ready.label_set.classes, strict=True)
    rows = [*named, *((colour, None) for colour in ready.ignored_colours)]
    return {
        'label_set': ready.label_set,
        'label_colors': [{'color': colour, 'name': name if name in kept else None} for colour, name in rows],
    }


def _check_there(root: Root, labels: Mapping[str, str], remedy: str) -> None:
    """Make sure that the label map of every image is there.

    Raises:
        InputError: one is missing; names the first.
    """
    assert root.ann_dir is not None
    if not Path(root.ann_dir).is_dir():
        raise InputError(f'Label folder {root.ann_dir!r} does not exist. {remedy}')
    found = set(walk(root.ann_dir))
    missing = [image for image, label in labels.items() if label not in found]
    if missing:
        raise no_label_map(root, missing, labels[missing[0]], len(labels), remedy)
