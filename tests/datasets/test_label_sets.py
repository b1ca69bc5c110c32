import numpy as np
import pytest

from mmseg.datasets.label_sets import (
    CAMVID11,
    CITYSCAPES19,
    CITYSCAPES_IDS,
    SYNTHIA_IDS,
    LabelSet,
    distinct_colours,
    label_set_of,
)
from mmseg.errors import InputError
from tests.parity import golden

TABLES = golden('label_tables')


def test_cityscapes_classes_and_colours_are_the_references():
    assert CITYSCAPES19.classes == TABLES.config['CLASSES']
    assert np.array(CITYSCAPES19.palette).tolist() == TABLES.arrays['palette'].tolist()


@pytest.mark.parametrize(
    ('name', 'ids'), [('gta', CITYSCAPES_IDS), ('cityscapes', CITYSCAPES_IDS), ('synthia', SYNTHIA_IDS)]
)
def test_file_ids_become_the_references_train_ids(name, ids):
    np.testing.assert_array_equal(CITYSCAPES19.table(ids), TABLES.arrays[f'{name}.id_to_train_id'])


def test_the_subsets_leave_out_what_synthia_lacks():
    everything = set(CITYSCAPES19.classes)
    assert everything - set(CITYSCAPES19.subsets['mIoU16']) == {'terrain', 'truck', 'train'}
    small = {'terrain', 'truck', 'train', 'wall', 'fence', 'pole'}
    assert everything - set(CITYSCAPES19.subsets['mIoU13']) == small


def test_thing_classes_have_the_papers_ids():
    assert CITYSCAPES19.thing_ids == (6, 7, 11, 12, 13, 14, 15, 16, 17, 18)


def test_camvid_has_eleven_classes_and_its_own_value_for_unlabelled():
    assert len(CAMVID11) == 11
    assert CAMVID11.ignored_values == (11,)
    assert CAMVID11.index('bicyclist') == 10


def test_a_label_set_comes_by_name_or_as_a_dict():
    assert label_set_of('CamVid11') is CAMVID11
    own = label_set_of({'classes': ['field', 'forest'], 'thing_classes': ['forest']})
    assert own.thing_ids == (1,)
    assert len(own.palette) == 2


@pytest.mark.parametrize(
    ('spec', 'said'),
    [
        ('cityscape19', "Did you mean 'cityscapes19'"),
        ({'classes': ['a'], 'colours': []}, "no key 'colours'"),
        ({'classes': []}, 'needs class names'),
        ({'thing_classes': ['a']}, r'needs classes \(a list of names\)'),
        ({'classes': ['a', 'a']}, 'each once'),
        ({'classes': ['a', 'b'], 'palette': [[0, 0, 0]]}, '2 classes but 1 palette'),
        ({'classes': ['tree', 'house'], 'thing_classes': ['hous']}, "Did you mean 'house'"),
        ({'classes': [str(i) for i in range(65536)]}, 'at most 65535'),
        ({'classes': ['a', 'b'], 'ignore_index': 1}, r'ignore_index=1 has to be in 2\.\.65535'),
        ({'classes': [str(i) for i in range(300)], 'ignore_index': 255}, r'ignore_index=255 has to be in 300\.\.'),
        ({'classes': ['a', 'b'], 'ignore_index': 65536}, 'ignore_index=65536'),
        ({'classes': ['a'], 'palette': [[0, 0, 300]]}, r'RGB in 0\.\.255'),
        ({'classes': ['a'], 'ignored_values': [65536]}, r'ignored_values=\[65536\]'),
        ({'classes': ['a'], 'ignored_values': ['x']}, 'ignored_values=.* does not fit'),
        ({'classes': ['a'], 'subsets': 3}, 'subsets=3 does not fit'),
    ],
)
def test_a_wrong_label_set_is_refused(spec, said):
    with pytest.raises(InputError, match=said):
        label_set_of(spec)


def test_made_up_colours_differ():
    assert len(set(distinct_colours(60))) == 60
    assert len(set(distinct_colours(1000))) == 1000


def test_part_of_the_classes_keeps_their_colours_and_what_they_are():
    part = CITYSCAPES19.subset(['car', 'road'])
    assert part == LabelSet('cityscapes19', ('car', 'road'), ((0, 0, 142), (128, 64, 128)), thing_classes=('car',))
