import numpy as np
import pytest
import torch

from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.long_tail_paste import LongTailPaste
from mmseg.errors import InputError
from tests.datasets.samples import NORM, own_data, write_pairs

STREET = LabelSet(name='street', classes=('road', 'car', 'bus', 'train', 'rider'))


def counts(*rows):
    return np.array(rows)


# image 0 shows a car, 1 and 2 a bus, 2 a little of a train
COUNTS = counts([900, 50, 0, 0, 0], [900, 0, 60, 0, 0], [900, 0, 70, 5, 0])


def test_every_class_of_the_list_stands_for_the_images_that_show_it_well():
    paste = LongTailPaste(COUNTS, STREET, classes=['bus', 1], num_classes=2, min_pixels=40)
    assert {train_id: images.tolist() for train_id, images in paste.candidates.items()} == {2: [1, 2], 1: [0]}


def test_classes_of_one_sample_are_different_and_alike_often_over_many():
    paste = LongTailPaste(COUNTS, STREET, classes=['car', 'bus', 'train'], num_classes=2, min_pixels=4)
    rng = np.random.default_rng(0)
    drawn = [[wanted.train_id for wanted in paste.draw(rng)] for _ in range(3000)]
    assert all(len(set(ids)) == 2 for ids in drawn)
    shares = np.bincount(np.ravel(drawn), minlength=4)[1:] / 6000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.02)


def test_the_images_drawn_show_their_class():
    paste = LongTailPaste(COUNTS, STREET, classes=['car', 'bus'], min_pixels=40)
    rng = np.random.default_rng(1)
    assert {tuple(w) for _ in range(50) for w in paste.draw(rng)} == {(1, 0), (2, 1), (2, 2)}


def test_without_a_list_the_rarest_classes_that_can_be_drawn_are_the_long_tail():
    classes = tuple('abcdefgh')
    table = np.diag([80, 10, 20, 30, 40, 50, 60, 1]) * 10
    paste = LongTailPaste(table, LabelSet(name='x', classes=classes), min_pixels=50)
    assert list(paste.candidates) == [1, 2, 3, 4, 5]


def test_a_class_without_an_image_is_left_out_with_a_warning(caplog):
    paste = LongTailPaste(COUNTS, STREET, classes=['bus', 'rider'], num_classes=2, min_pixels=40)
    assert [wanted.train_id for wanted in paste.draw(np.random.default_rng(0))] == [2]


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'classes': ['buss']}, "Did you mean 'bus'"),
        ({'classes': [7]}, r'no class 7; train ids are 0\.\.4'),
        ({'classes': []}, 'list of class names'),
        ({'classes': 'bus'}, 'list of class names'),
        ({'classes': ['bus', 2]}, 'twice'),
        ({'classes': ['bus'], 'num_classes': 2}, r'num_classes is 2: it must lie in 1\.\.1'),
        ({'num_classes': 0}, 'num_classes is 0'),
        ({'classes': ['bus'], 'num_classes': 1, 'min_pixels': 100}, r'min_pixels=100.*the most is 70'),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        LongTailPaste(COUNTS, STREET, **{'min_pixels': 4, **settings})


CLASSES = 4


@pytest.fixture
def folders(tmp_path):
    """Source images of class 0 with a square of another class each; the target is of the same kind."""
    for name, seed in (('source', 0), ('target', 1)):
        labels = {}
        for index in range(3):
            labels[f'{index:03}'] = np.zeros((24, 32), np.uint8)
            labels[f'{index:03}'][4:20, 6:26] = index + 1
        write_pairs(tmp_path / name, labels, seed=seed)
    return tmp_path


def pairs(folders, **options):
    source, target = own_data(folders / 'source', CLASSES), own_data(folders / 'target', CLASSES)
    return build_dataset({'type': 'UDADataset', 'source': source, 'target': target, **options})


PASTE = {'classes': ['class 2', 'class 3'], 'num_classes': 2, 'min_pixels': 50, 'min_crop_ratio': 0.5}
RARE = {'min_pixels': 50, 'class_temp': 0.1, 'min_crop_ratio': 0.5}


def test_a_sample_gets_normalised_pixels_of_the_long_tail_and_nothing_else(folders):
    dataset = pairs(folders, long_tail_paste=PASTE)
    seen = set()
    for i in range(10):
        sample = dataset.sample(i, 0)
        label, img = sample['paste_label'], sample['paste_img']
        assert label.shape == sample['gt_semantic_seg'].shape
        assert label.dtype == sample['gt_semantic_seg'].dtype
        values = set(label.unique().tolist())
        seen |= values
        assert values <= {2, 3, 255}
        pasted = (label != 255).expand_as(img)
        assert img[~pasted].eq(0).all()
        pixels = img * torch.tensor(NORM['std']).view(3, 1, 1) + torch.tensor(NORM['mean']).view(3, 1, 1)
        assert pixels[pasted].min() >= -1e-3
        assert pixels[pasted].max() <= 255.001
    assert seen == {2, 3, 255}


def test_pasted_pixels_are_those_of_a_draw_of_the_source_where_the_label_says_so(folders):
    dataset = pairs(folders, long_tail_paste=PASTE)
    drawn = []
    draw = dataset.source.draw
    dataset.source.draw = lambda *args: drawn.append(draw(*args)) or drawn[-1]
    sample = dataset.sample(3, 0)
    donors = drawn[1:]  # behind the labelled image
    assert len(donors) == 2
    for donor, other in (donors, donors[::-1]):
        train_id = next(c for c in (2, 3) if (donor['gt_semantic_seg'] == c).any())
        where = sample['paste_label'] == train_id
        assert torch.equal(donor['gt_semantic_seg'][where], sample['paste_label'][where])
        where = where.expand_as(sample['paste_img'])
        assert torch.equal(donor['img'][where], sample['paste_img'][where])
        assert other is not donor


@pytest.mark.parametrize('rare', [None, RARE])
def test_what_is_drawn_besides_leaves_the_pairs_as_they_are(folders, rare):
    plain = pairs(folders, rare_class_sampling=rare)
    more = pairs(folders, rare_class_sampling=rare, long_tail_paste=PASTE, second_source=True)
    for i in range(4):
        one, other = plain.sample(i, 3), more.sample(i, 3)
        for key in ('img', 'gt_semantic_seg', 'target_img'):
            assert torch.equal(one[key], other[key])
        added = {'template_img', 'template_img_metas', 'template_gt_semantic_seg'}
        assert set(other) - set(one) == added | {'paste_img', 'paste_img_metas', 'paste_label'}


@pytest.mark.parametrize('rare', [None, RARE])
def test_the_second_source_is_another_draw_of_the_source_and_the_same_again(folders, rare):
    dataset = pairs(folders, rare_class_sampling=rare, second_source=True)
    samples = [dataset.sample(i, 0) for i in range(6)]
    assert sum(torch.equal(s['img'], s['template_img']) for s in samples) == 0
    assert samples[0]['template_img'].shape == samples[0]['img'].shape
    assert torch.equal(dataset.sample(4, 0)['template_img'], samples[4]['template_img'])
    assert not torch.equal(dataset.sample(4, 1)['template_img'], samples[4]['template_img'])


def test_pasting_from_a_source_without_labels_is_refused(folders):
    source = own_data(folders / 'source', CLASSES, ann_dir=None)
    with pytest.raises(InputError, match=r'ann_dir.*long_tail_paste'):
        build_dataset({'type': 'UDADataset', 'source': source, 'target': source, 'long_tail_paste': PASTE})


def test_a_misspelt_setting_is_refused_with_the_right_name(folders):
    with pytest.raises(InputError, match="Did you mean 'num_classes'"):
        pairs(folders, long_tail_paste={'number_classes': 2})


def test_nothing_pasted_is_what_the_data_ignore(folders):
    options = {'ignore_index': 250, 'pipeline': own_data(folders)['pipeline']}
    for step in options['pipeline']:
        if step['type'] in ('RandomCrop', 'Pad'):
            step['ignore_index' if step['type'] == 'RandomCrop' else 'seg_pad_val'] = 250
    source, target = (own_data(folders / name, CLASSES, **options) for name in ('source', 'target'))
    dataset = build_dataset({'type': 'UDADataset', 'source': source, 'target': target, 'long_tail_paste': PASTE})
    values = {value for i in range(10) for value in dataset.sample(i, 0)['paste_label'].unique().tolist()}
    assert values == {2, 3, 250}


def test_lists_of_sources_and_targets_are_joined(folders):
    source, target = own_data(folders / 'source', CLASSES), own_data(folders / 'target', CLASSES)
    dataset = build_dataset({'type': 'UDADataset', 'source': [source, source], 'target': [target, target]})
    assert (len(dataset.source), len(dataset.target)) == (6, 6)
    assert not any(part.labelled for part in dataset.target.datasets)
    assert {'img', 'target_img', 'gt_semantic_seg'} <= dataset.sample(0, 0).keys()
