import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg.datasets import uda_dataset
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.datasets.rare_class_sampling import RareClassSampler, class_probabilities
from mmseg.datasets.stream import TrainingSet
from mmseg.datasets.uda_dataset import UDADataset
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import LegacyRandom, own_data, random_labels, write, write_pairs
from tests.parity import golden

REFERENCE = golden('uda_rcs').arrays


def counts_of(stored):
    entries = json.loads(str(stored))
    return np.array([[entry.get(str(train_id), 0) for train_id in range(19)] for entry in entries])


def reference_counts(key):
    return counts_of(REFERENCE[key])


@pytest.mark.parametrize('temperature', ['0.01', '0.1', 'inf'])
def test_class_probabilities_are_the_references(temperature):
    counts = reference_counts('in.sample_class_stats_json')
    sampler = RareClassSampler(counts, CITYSCAPES19.classes, min_pixels=0, class_temp=float(temperature))
    assert sampler.train_ids.tolist() == REFERENCE[f'classes.T_{temperature}'].tolist()
    np.testing.assert_allclose(sampler.probabilities, REFERENCE[f'prob.T_{temperature}'], rtol=2e-5)


class Images(TrainingSet):
    """Stand-in for the source and target of the reference's recorded run."""

    label_set = CITYSCAPES19

    def __init__(self, length, counts=None):
        self.length, self.counts, self.reads = length, counts, 0

    def __len__(self):
        return self.length

    def class_counts(self, index_dir=None):
        return self.counts

    def draw(self, index, rng, accept=None):
        self.reads = 0
        good, bad = np.zeros(2000), np.full(2000, -1)
        while accept is not None:  # the wanted class shows 2000 pixels in every third read
            self.reads += 1
            wanted = accept.train_id
            if accept(good + wanted if self.reads % 3 == 0 else bad):
                break
        return {'img': index, 'img_metas': {}}


def test_the_draws_of_a_run_are_the_references(monkeypatch):
    source = Images(8, reference_counts('sampling.in.sample_class_stats_json'))
    sampling = {'class_temp': 1.0, 'min_pixels': 3000, 'min_crop_ratio': 0.5}
    dataset = UDADataset(source=source, target=Images(11), rare_class_sampling=sampling)
    rng = LegacyRandom(0)
    monkeypatch.setattr(uda_dataset, 'generator', lambda seed, i: rng)
    drawn = []
    draw = dataset.sampler.draw
    monkeypatch.setattr(dataset.sampler, 'draw', lambda rng: drawn.append(draw(rng)) or drawn[-1])
    rows = []
    for i in range(12):
        sample = dataset.sample(i, 0)
        rows.append([*drawn[-1], source.reads, sample['target_img'], sample['img'], sample['target_img']])
    assert rows == REFERENCE['sampling.rows'].tolist()
    assert len(dataset) == REFERENCE['sampling.len']


def test_rare_classes_are_preferred_by_the_formula():
    made = class_probabilities(np.array([60, 30, 10]), temperature=0.5)
    weights = np.exp(np.array([0.4, 0.7, 0.9]) / 0.5)
    np.testing.assert_allclose(made, weights / weights.sum())


def test_an_image_needs_strictly_more_than_min_pixels(recwarn):
    counts = np.array([[10, 11], [11, 0], [12, 10]])
    sampler = RareClassSampler(counts, ('a', 'b'), min_pixels=10, class_temp=1)
    assert {train_id: list(images) for train_id, images in sampler.candidates.items()} == {0: [1, 2], 1: [0]}
    assert sampler.min_crop_pixels == 5
    assert not sampler.enough(np.array([[1] * 5]), train_id=1)
    assert sampler.enough(np.array([[1] * 6]), train_id=1)


def test_classes_without_a_candidate_are_left_out_with_a_warning(monkeypatch):
    said = []
    monkeypatch.setattr('mmseg.datasets.rare_class_sampling.print_log', lambda text, *_, **__: said.append(text))
    counts = np.array([[50, 5, 0, 40]])
    sampler = RareClassSampler(counts, ('a', 'b', 'c', 'd'), min_pixels=10, class_temp=0.1)
    assert sampler.train_ids.tolist() == [3, 0]
    assert sampler.probabilities.sum() == pytest.approx(1)
    assert 'more than 10 pixels: b, c.' in said[0]
    with pytest.raises(InputError, match='min_pixels=60 pixels of any class; the most is 50'):
        RareClassSampler(counts, ('a', 'b', 'c', 'd'), min_pixels=60)


@pytest.fixture
def pair(tmp_path):
    """A source with one rare class in the middle of one image, and a target whose labels are poison."""
    labels = random_labels(6, classes=2)
    labels['003'][6:18, 8:24] = 2
    write_pairs(tmp_path / 'source', labels)
    write_pairs(tmp_path / 'target', random_labels(4, seed=9))
    for path in (tmp_path / 'target/labels').iterdir():
        path.write_text('must not be opened')
    cfg = {'type': 'UDADataset', 'source': own_data(tmp_path / 'source'), 'target': own_data(tmp_path / 'target')}
    return cfg | {'rare_class_sampling': {'min_pixels': 20, 'class_temp': 0.01, 'min_crop_ratio': 0.5}}


def test_target_labels_are_never_opened(pair):
    sample = DATASETS.build(pair).sample(0, seed=0)
    assert set(sample) == {'img', 'img_metas', 'gt_semantic_seg', 'target_img', 'target_img_metas'}
    assert sample['target_img'].shape == (3, 16, 16)


def test_the_target_needs_neither_label_folder_nor_classes(pair, tmp_path):
    target = {**pair['target'], 'ann_dir': 'nowhere'}
    del target['classes']
    nested = {'type': 'RepeatDataset', 'times': 2, 'dataset': target}
    for cfg in (target, nested | {'dataset': {**target, 'classes': pair['source']['classes']}}):
        assert DATASETS.build({**pair, 'target': cfg}).sample(5, seed=0)['target_img'].shape == (3, 16, 16)


def test_rare_classes_appear_in_the_crops(pair):
    def shown(cfg):
        dataset = DATASETS.build(cfg)
        labels = [dataset.sample(i, seed=0)['gt_semantic_seg'] for i in range(30)]
        return sum(int((label == 2).sum()) > 10 for label in labels)

    # Class 2 is drawn almost always (T = 0.01); without sampling one image in six has it.
    assert shown(pair) >= 25
    assert shown({**pair, 'rare_class_sampling': None}) <= 5


def test_source_and_target_run_through_their_own_epochs_without_sampling(pair):
    dataset = DATASETS.build({**pair, 'rare_class_sampling': None})
    samples = [dataset.sample(i, seed=0) for i in range(24)]
    for key, length in (('img_metas', 6), ('target_img_metas', 4)):
        names = [sample[key]['ori_filename'] for sample in samples]
        assert all(count == 24 // length for count in Counter(names).values())
        assert len(set(names[:length])) == length
    pairs = {(sample['img_metas']['ori_filename'], sample['target_img_metas']['ori_filename']) for sample in samples}
    assert len(pairs) > 12  # fixed partners would give 12


def test_pairs_are_a_function_of_seed_and_number(pair):
    one, other = DATASETS.build(pair).sample(7, seed=1), DATASETS.build(pair).sample(7, seed=1)
    for key in ('img', 'gt_semantic_seg', 'target_img'):
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)


def test_source_and_target_need_the_same_classes(pair):
    with pytest.raises(InputError, match='need the same classes'):
        DATASETS.build({**pair, 'target': {**pair['target'], 'classes': ['a', 'b', 'c']}})


def test_a_misspelt_setting_of_the_sampling_is_named(pair):
    with pytest.raises(InputError, match=r"no key 'min_pixel'\. Did you mean 'min_pixels'"):
        DATASETS.build({**pair, 'rare_class_sampling': {'min_pixel': 5}})


def test_the_index_is_built_for_any_data_set_and_names_are_relative(pair, tmp_path):
    pair['source']['data_root'] += '/'
    DATASETS.build(pair)
    entries = json.loads((tmp_path / 'source/sample_class_stats.json').read_text())
    assert [entry['file'] for entry in entries] == [f'labels/00{i}.png' for i in range(6)]
    assert entries[3]['2'] == 12 * 16
    write(tmp_path / 'source/images/new.png', np.zeros((24, 32, 3), np.uint8))
    write(tmp_path / 'source/labels/new.png', np.zeros((24, 32), np.uint8))
    DATASETS.build(pair)  # stale: built again
    assert len(json.loads((tmp_path / 'source/sample_class_stats.json').read_text())) == 7


def test_a_crop_ratio_of_zero_still_asks_for_one_pixel_of_the_class():
    sampler = RareClassSampler(np.array([[9, 9]]), ('a', 'b'), min_pixels=3, min_crop_ratio=0)
    assert sampler.enough(np.array([[0, 1]]), train_id=1)
    assert not sampler.enough(np.array([[0, 0]]), train_id=1)


STATISTICS = Path(__file__).parents[1] / 'data' / 'class_statistics.csv'


def statistics(dataset):
    """Rows of the published counts of a data set, classes in their order."""
    with STATISTICS.open(newline='', encoding='utf-8') as file:
        return [row for row in csv.DictReader(file) if row['dataset'] == dataset]


#: the table's shares of UrbanSyn are of all pixels of its files, also of those without a class
ALL_PIXELS = {'urbansyn': 7539 * 2048 * 1024}


@pytest.mark.parametrize('dataset', ['cityscapes', 'synthia', 'acdc', 'bdd', 'mapillary', 'urbansyn', 'wilddash'])
def test_frequencies_and_probabilities_are_those_of_the_published_counts(dataset):
    rows = statistics(dataset)
    assert [int(row['class_id']) for row in rows] == list(range(19))
    pixels = np.array([int(row['pixels']) for row in rows])
    shares = np.array([float(row['share_of_labelled']) for row in rows])
    wanted = np.array([float(row['rcs_prob_T0.01']) for row in rows])
    np.testing.assert_allclose(pixels / ALL_PIXELS.get(dataset, pixels.sum()), shares, atol=5.1e-9)
    there = pixels > 0  # a class that no file shows is never drawn
    exact = 5.1e-9 if dataset not in ALL_PIXELS else 4e-4
    np.testing.assert_allclose(class_probabilities(pixels[there], 0.01), wanted[there], atol=exact)
    sampler = RareClassSampler(pixels[None], CITYSCAPES19.classes, min_pixels=0, class_temp=0.01)
    np.testing.assert_allclose(sampler.probabilities, wanted[sampler.train_ids], atol=exact)


@pytest.mark.parametrize(('settings', 'tries'), [({}, 11), ({'tries': 3}, 3)])
def test_as_many_crops_are_tried_as_the_sampling_says(pair, settings, tries, monkeypatch):
    asked = []
    monkeypatch.setattr(RareClassSampler, 'enough', lambda self, label, train_id: asked.append(train_id))
    sampling = {'min_pixels': 1, 'class_temp': 1.0, **settings}
    DATASETS.build(pair | {'rare_class_sampling': sampling})[0]
    assert len(asked) == tries
    assert len(set(asked)) == 1
