from collections import Counter

import numpy as np
import pytest
import torch

from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.loader import build_train_loader
from mmseg.datasets.mixture import MixedDataset
from mmseg.datasets.rare_class_sampling import RareClassSampler, Sources, class_probabilities
from mmseg.datasets.stream import TrainingSet
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import own_data, random_labels, write_pairs

SAMPLING = {'min_pixels': 20, 'class_temp': 0.1, 'min_crop_ratio': 0.5}


class Named(TrainingSet):
    """A data set of numbers that says nothing but its name."""

    label_set = LabelSet('one', ('thing',))
    split_name = 'train'

    def __init__(self, name, length):
        self.name, self.length = name, length
        self.img_infos = [{}] * length

    def __len__(self):
        return self.length

    def domain_name(self):
        return self.name

    def draw(self, index, rng, accept=None):
        return {'img': index, 'img_metas': {}}


@pytest.fixture
def folders(tmp_path):
    """Two labelled sets, of which one alone shows class 2, and an unlabelled one."""
    for name, count, classes in (('town', 6, 2), ('forest', 3, 3), ('dusk', 4, 3)):
        write_pairs(tmp_path / name, random_labels(count, classes=classes, seed=len(name)))
    return {name: own_data(tmp_path / name) for name in ('town', 'forest', 'dusk')}


def pair(source, target, **options):
    return DATASETS.build({'type': 'UDADataset', 'source': source, 'target': target, **options})


def same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else str(value) == str(other[key])


@pytest.mark.parametrize('sampling', [None, SAMPLING])
@pytest.mark.parametrize('weights', [None, [3]])
def test_a_list_of_one_source_and_one_target_draws_what_they_draw_alone(folders, sampling, weights):
    alone = pair(folders['town'], folders['dusk'], rare_class_sampling=sampling)
    listed = pair(
        [folders['town']],
        [folders['dusk']],
        source_weights=weights,
        target_weights=weights,
        rare_class_sampling=sampling,
    )
    for i in (0, 1, 7, 30):
        same(listed.sample(i, 5), alone.sample(i, 5))
    assert listed.about_domains() == []


def test_each_data_set_is_drawn_by_its_share_whatever_its_size():
    dataset = MixedDataset(datasets=[Named('large', 1000), Named('small', 10)], weights=[1, 3])
    drawn = Counter(dataset.sample(i, 0)['img_metas']['domain'] for i in range(2000))
    assert abs(drawn['small'] - 1500) < 60  # three standard deviations of 2000 draws
    assert {dataset.sample(i, 0)['img'] for i in range(400)} >= set(range(10))


def test_a_sample_is_a_function_of_seed_and_number_for_any_number_of_processes(folders):
    options = {'source_weights': [1, 2], 'rare_class_sampling': SAMPLING}
    stream = pair([folders['town'], folders['forest']], folders['dusk'], **options)
    again = pair([folders['town'], folders['forest']], folders['dusk'], **options)
    for _ in range(3):
        stream.sample(0, 2)  # whatever was drawn before
    same(stream.sample(9, 2), again.sample(9, 2))
    names = {}
    for rank in (0, 1):
        loader = iter(build_train_loader(again, samples_per_gpu=1, workers_per_gpu=0, seed=2, rank=rank, world_size=2))
        for step in range(3):
            (meta,) = next(loader)['img_metas']
            names[2 * step + rank] = (meta['filename'], meta['domain'])
    for i, name in names.items():
        meta = stream.sample(i, 2)['img_metas']
        assert name == (meta['filename'], meta['domain'])


def test_rare_class_sampling_is_over_the_union_and_gives_each_data_set_its_share():
    counts = np.array([[90, 10], [90, 10], [60, 40]])  # two images of the first data set, one of the second
    sampler = RareClassSampler(
        counts, ('a', 'b'), min_pixels=20, class_temp=0.5, sources=Sources(np.array([0, 0, 1]), np.array([0.25, 0.75]))
    )
    frequency = 0.25 * np.array([90, 10]) + 0.75 * np.array([60, 40])
    expected = class_probabilities(frequency, 0.5)
    assert sampler.train_ids.tolist() == [1, 0]
    np.testing.assert_allclose(sampler.probabilities, expected[::-1])
    only_second, both = expected[1], expected[0]  # class b is shown well by the second data set alone
    np.testing.assert_allclose(
        sampler.image_probabilities(), [both * 0.125, both * 0.125, both * 0.75 + only_second], rtol=1e-12
    )
    rng = np.random.default_rng(0)
    drawn = Counter(sampler.draw(rng).image for _ in range(4000))
    np.testing.assert_allclose([drawn[i] / 4000 for i in range(3)], sampler.image_probabilities(), atol=0.025)


def test_without_weights_the_probability_of_an_image_is_that_of_the_paper():
    sampler = RareClassSampler(np.array([[90, 10], [60, 40]]), ('a', 'b'), min_pixels=20, class_temp=0.5)
    rare, common = sampler.probabilities
    np.testing.assert_allclose(sampler.image_probabilities(), [common / 2, common / 2 + rare])


def test_it_is_said_what_is_drawn_from_where_and_each_sample_says_its_domain(folders):
    dataset = pair(
        [folders['town'], folders['forest']],
        [folders['dusk'], folders['town']],
        source_weights=[3, 1],
        target_weights=[1, 1],
    )
    assert dataset.about_domains() == [
        'Labelled images come from town (6 images, 75.0% of the draws), forest (3 images, 25.0% of the draws).',
        'Target images come from dusk (4 images, 50.0% of the draws), town (6 images, 50.0% of the draws).',
    ]
    for i in range(12):
        sample = dataset.sample(i, 0)
        assert f'/{sample["img_metas"]["domain"]}/' in sample['img_metas']['filename']
        assert f'/{sample["target_img_metas"]["domain"]}/' in sample['target_img_metas']['filename']
    sampled = pair([folders['town'], folders['forest']], folders['dusk'], rare_class_sampling=SAMPLING)
    shares = [domain.share for domain in sampled.domains()]
    assert sum(shares) == pytest.approx(1)
    assert shares[1] > 1 / 3  # it alone shows the rarest class


def test_data_sets_of_one_name_are_told_apart(folders):
    both = DATASETS.build({'type': 'ConcatDataset', 'datasets': [folders['town'], {**folders['town'], 'split': None}]})
    assert [domain.name for domain in both.domains()] == ['town 1', 'town 2']
    repeated = DATASETS.build({'type': 'RepeatDataset', 'dataset': folders['town'], 'times': 2})
    assert repeated.domains() == []
    assert 'domain' not in repeated.sample(0, 0)['img_metas']


def test_labelled_target_images_join_the_source_by_their_share(folders, tmp_path):
    (tmp_path / 'few.txt').write_text('000\n002\n')
    few = {**folders['dusk'], 'split': str(tmp_path / 'few.txt')}
    dataset = pair(folders['town'], folders['dusk'], labelled_target=few, labelled_target_share=0.25)
    samples = [dataset.sample(i, 0) for i in range(400)]
    drawn = Counter(sample['img_metas']['domain'] for sample in samples)
    assert abs(drawn['dusk'] - 100) < 26  # three standard deviations
    own = {sample['img_metas']['ori_filename'] for sample in samples if sample['img_metas']['domain'] == 'dusk'}
    assert own == {'000.png', '002.png'}
    weighted = pair(
        [folders['town'], folders['forest']], folders['dusk'], source_weights=[3, 1], labelled_target=few,
        labelled_target_share=0.2,
    )  # fmt: skip
    assert [round(domain.share, 3) for domain in weighted.domains()] == [0.6, 0.2, 0.2]


def test_without_a_source_samples_hold_the_target_alone(folders):
    sample = pair(None, folders['dusk']).sample(0, 0)
    assert set(sample) == {'target_img', 'target_img_metas'}


def test_a_share_of_labelled_target_images_without_any_is_refused(folders):
    with pytest.raises(InputError, match=r'labelled_target_share=0\.3 .*there is no data\.train\.labelled_target'):
        pair(folders['town'], folders['dusk'], labelled_target_share=0.3)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'source_weights': [1]}, r'source_weights=\[1\]: give 2 numbers above 0, one for each of the 2 data sets'),
        ({'source_weights': [1, 0]}, r'source_weights=\[1, 0\]: give 2 numbers above 0'),
        ({'target_weights': [1, 1]}, 'target_weights says how often each of several targets is drawn: give a list'),
        ({'labelled_target_share': 1.0}, 'labelled_target_share=1.0: give a share between 0 and 1'),
        ({'source': None}, 'labelled_target is about labelled images, but data.train has no source'),
    ],
)
def test_weights_and_shares_that_mean_nothing_are_named(folders, options, message):
    given = {'source': [folders['town'], folders['forest']], 'target': folders['dusk'], **options}
    with pytest.raises(InputError, match=message):
        pair(**given, labelled_target=folders['dusk'])


@pytest.mark.parametrize('empty', [[], {'type': 'ConcatDataset', 'datasets': []}])
def test_no_data_set_at_all_is_one_sentence(folders, empty):
    for given in ({'source': empty, 'target': folders['dusk']}, {'source': folders['town'], 'target': empty}):
        with pytest.raises(InputError, match='ConcatDataset: an empty list holds no data set'):
            pair(**given)


def test_sources_of_unequal_classes_are_one_sentence(folders):
    other = {**folders['forest'], 'classes': ['class 0', 'class 2', 'class 1']}
    with pytest.raises(InputError, match=r'the first of a list and number 2 have .* give each the shared ones'):
        pair([folders['town'], other], folders['dusk'], source_weights=[1, 1])


def test_each_source_has_a_class_map_of_its_own(folders):
    swapped = {**folders['forest'], 'label_map': {0: 1, 1: 0, 2: 2}}
    one, other = (pair([folders['town'], cfg], folders['dusk']) for cfg in (folders['forest'], swapped))
    label = one.source.label_of(7)
    expected = np.array([1, 0, 2])[label]
    np.testing.assert_array_equal(other.source.label_of(7), expected)
    np.testing.assert_array_equal(other.source.label_of(2), one.source.label_of(2))
