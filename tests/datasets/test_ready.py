"""Published data sets by name, on small files in the layouts they are published in."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg.datasets.converters.shift import read
from mmseg.datasets.label_sets import CITYSCAPES19, CITYSCAPES_IDS, MAPILLARY_IDS, label_set_of, palette_named
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.ready import READY
from mmseg.errors import InputError
from tests.own_data.users import pipelines
from tools.convert_datasets import shift

SIZE = (48, 64)
PAGE = Path(__file__).parents[2] / 'docs' / 'data_sets.md'


def label_file(path, ids):
    """``ids`` (a row of numbers, or of colours) as the upper left corner of a label file, its last one everywhere."""
    row = np.array(ids, np.uint8)
    label = np.empty((*SIZE, *row.shape[1:]), np.uint8)
    label[:] = row[-1]
    label[0, : len(row)] = row
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(label).save(path)


def image_file(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', SIZE[::-1], (90, 120, 60)).save(path)


def laid_out(root, name, ids):
    """One image with its label map where the data set has them."""
    ready = READY[name]
    image_file(root / ready.images)
    label_file(root / ready.labels, ids)
    return root


def described(root, name, **options):
    """The data set of the first folder of its layout."""
    ready = READY[name]
    folders = {'img_dir': str(Path(ready.images).parent), 'ann_dir': str(Path(ready.labels).parent)}
    cfg = {'type': 'ReadyDataset', 'name': name, 'data_root': str(root), 'pipeline': pipelines()['labelled']}
    return build_dataset({**cfg, **folders, **options})


def first_ids(dataset, count):
    return dataset.label_of(0)[0, :count].tolist()


LOVEDA = [0, 1, 7, 3]
ISPRS = [(255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0), (0, 0, 0)]
UAVID = [(0, 0, 0), (128, 0, 0), (128, 64, 128), (192, 0, 192), (0, 128, 0), (128, 128, 0), (64, 64, 0), (64, 0, 128)]
CASES = [
    ('ade20k', [0, 1, 150, 13], [255, 0, 149, 12]),
    ('bdd100k', [0, 18, 255, 13], [0, 18, 255, 13]),
    ('camvid', [0, 10, 11, 8], [0, 10, 255, 8]),
    ('idd', [0, 18, 255, 13], [0, 18, 255, 13]),
    ('kitti', [7, 33, 0, 26], [0, 18, 255, 13]),
    ('loveda', LOVEDA, [255, 0, 6, 2]),
    ('mapillary', [13, 52, 65, 55], [0, 18, 255, 13]),
    ('potsdam', ISPRS, [0, 1, 2, 3, 4, 5, 255]),
    ('shift', [0, 21, 255, 9], [0, 21, 255, 9]),
    ('uavid', UAVID, [0, 1, 2, 3, 4, 5, 6, 7]),
    ('urbansyn', [0, 18, 13], [0, 18, 13]),
    ('vaihingen', ISPRS, [0, 1, 2, 3, 4, 5, 255]),
    ('wilddash2', [7, 34, 35, 36, 33], [0, 13, 14, 255, 18]),
]


def test_every_data_set_of_the_table_is_tried():
    assert [name for name, _, _ in CASES] == list(READY)


@pytest.mark.parametrize(('name', 'in_file', 'read'), CASES)
def test_files_in_the_published_layout_are_found_and_read(tmp_path, name, in_file, read):
    dataset = described(laid_out(tmp_path, name, in_file), name)
    assert len(dataset) == 1
    assert dataset.label_path(0) == tmp_path / READY[name].labels
    assert first_ids(dataset, len(read)) == read
    assert dataset.label_set == READY[name].label_set
    assert dataset.class_counts().sum() > 0
    assert dataset[0]['gt_semantic_seg'].shape == (1, 32, 32)


@pytest.mark.parametrize('name', READY)
def test_images_are_found_without_labels_and_labels_are_none_of_them(tmp_path, name):
    dataset = described(laid_out(tmp_path, name, [0]), name, ann_dir=None, pipeline=pipelines()['unlabelled'])
    assert [dataset.image_path(i) for i in range(len(dataset))] == [tmp_path / READY[name].images]


@pytest.mark.parametrize(
    ('name', 'foreign', 'said'),
    [
        ('ade20k', [151], 'holds the values 151'),
        ('bdd100k', [19], 'holds the values 19'),
        ('idd', [34], 'holds the values 34'),
        ('kitti', [35], 'holds the values 35'),
        ('loveda', [8], 'holds the values 8'),
        ('mapillary', [66], 'holds the values 66'),
        ('potsdam', [(252, 255, 0)], r'\[252, 255, 0\] \(3072 pixels\)'),
        ('uavid', [(1, 2, 3)], r'\[1, 2, 3\] \(3072 pixels\)'),
        ('urbansyn', [19], 'holds the values 19'),
        ('wilddash2', [39], 'holds the values 39'),
    ],
)
def test_an_id_that_is_not_as_documented_is_an_error_and_never_another_class(tmp_path, name, foreign, said):
    with pytest.raises(InputError, match=said):
        described(laid_out(tmp_path, name, foreign), name)


@pytest.mark.parametrize('name', READY)
def test_some_classes_can_be_kept_and_the_rest_is_ignored(tmp_path, name):
    label_set = READY[name].label_set
    _, in_file, read = next(case for case in CASES if case[0] == name)
    kept = label_set.classes[read[0] if read[0] != 255 else read[1]]
    dataset = described(laid_out(tmp_path, name, in_file), name, classes=[kept, label_set.classes[-1]])
    wanted = [{label_set.index(kept): 0, len(label_set) - 1: 1}.get(value, 255) for value in read]
    assert first_ids(dataset, len(read)) == wanted


@pytest.mark.parametrize('name', READY)
def test_a_missing_label_map_is_named_with_the_published_layout(tmp_path, name):
    laid_out(tmp_path, name, [0])
    (tmp_path / READY[name].labels).unlink()
    with pytest.raises(InputError, match=re.escape(READY[name].labels)) as caught:
        described(tmp_path, name)
    assert 'Published layout' in str(caught.value)


def test_sequences_and_domains_are_found_below_one_folder(tmp_path):
    laid_out(tmp_path, 'uavid', UAVID)
    image_file(tmp_path / 'uavid_train/seq2/Images/000100.png')
    label_file(tmp_path / 'uavid_train/seq2/Labels/000100.png', UAVID)
    found = described(tmp_path, 'uavid', img_dir='uavid_train', ann_dir='uavid_train')
    assert [str(found.label_path(i).relative_to(tmp_path)) for i in range(len(found))] == [
        'uavid_train/seq1/Labels/000000.png',
        'uavid_train/seq2/Labels/000100.png',
    ]
    laid_out(tmp_path, 'loveda', LOVEDA)
    image_file(tmp_path / 'Train/Rural/images_png/0.png')
    label_file(tmp_path / 'Train/Rural/masks_png/0.png', LOVEDA)
    found = described(tmp_path, 'loveda', img_dir='Train', ann_dir='Train')
    assert [found.group_of(i) for i in range(len(found))] == ['Rural', 'Urban']


def test_the_published_tiles_of_training_and_test_are_told_apart(tmp_path):
    for tile in ('2_10', '2_13', '6_13', '7_12'):
        image_file(tmp_path / f'2_Ortho_RGB/top_potsdam_{tile}_RGB.tif')
        label_file(tmp_path / f'5_Labels_all/top_potsdam_{tile}_label.tif', ISPRS)
    names = {
        part: [described(tmp_path, 'potsdam', part=part).image_path(i).name[12:16] for i in range(2)]
        for part in ('train', 'test')
    }
    assert names == {'train': ['2_10', '7_12'], 'test': ['2_13', '6_13']}
    for area in (3, 13, 33, 38):
        image_file(tmp_path / f'top/top_mosaic_09cm_area{area}.tif')
        label_file(tmp_path / f'gts_for_participants/top_mosaic_09cm_area{area}.tif', ISPRS)
    train, test = (described(tmp_path, 'vaihingen', part=part) for part in ('train', 'test'))
    assert [train.image_path(i).stem[13:] for i in range(len(train))] == ['cm_area13', 'cm_area3']
    assert [test.image_path(i).stem[13:] for i in range(len(test))] == ['cm_area33', 'cm_area38']
    assert {len(parts) for parts in READY['potsdam'].parts.values()} == {24, 14}
    assert {len(parts) for parts in READY['vaihingen'].parts.values()} == {16, 17}
    with pytest.raises(InputError, match="has no part 'val'; its parts are train, test"):
        described(tmp_path, 'potsdam', part='val')
    with pytest.raises(InputError, match='its parts are folders'):
        described(tmp_path, 'kitti', part='train')


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'bdd100k'"):
        build_dataset({'type': 'ReadyDataset', 'name': 'bdd10k', 'img_dir': str(tmp_path), 'pipeline': []})


def test_ids_in_the_red_channel_become_train_ids_of_shift(tmp_path, capsys):
    file = tmp_path / 'train/front/0003-17fb/00000000_semseg_front.png'
    label_file(file, [(0, 9, 9, 255), (1, 0, 0, 255), (22, 0, 0, 255)])
    image_file(tmp_path / READY['shift'].images)
    assert shift.main([str(tmp_path), '--gt-dir', 'train/front', '--nproc', '1']) == 0
    assert '1 train-id maps' in capsys.readouterr().out
    assert first_ids(described(tmp_path, 'shift'), 3) == [255, 0, 21]
    grey = np.full(SIZE, 23, np.uint8)
    cv2.imwrite(str(file), grey)
    with pytest.raises(InputError, match=r'holds the value 23; classes of SHIFT are 0\.\.22'):
        read(file)


def test_classes_of_other_scenes_that_become_those_of_cityscapes_are_all_there():
    assert set(MAPILLARY_IDS.values()) == set(CITYSCAPES19.classes) == set(CITYSCAPES_IDS.values())


def test_their_label_sets_and_palettes_can_be_named_for_any_data():
    for ready in READY.values():
        assert label_set_of(ready.label_set.name) == ready.label_set
    assert palette_named('loveda') == READY['loveda'].label_set.palette
    with pytest.raises(InputError, match="Did you mean 'uavid8'"):
        label_set_of('uavid')


def test_the_page_of_data_sets_has_a_row_for_each_with_its_layout():
    text = PAGE.read_text()
    for name, ready in READY.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f'| `{name}` |')]
        assert f'| {len(ready.label_set)} |' in row
        assert f'`{ready.images}`' in row
        assert f'`{ready.labels}`' in row
