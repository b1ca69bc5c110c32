"""Masks of pseudo-labels through a pipeline, and boxes cut from source and target alike; values of the reference."""

import numpy as np
import pytest
import torch

from mmseg.datasets import uda_dataset
from mmseg.datasets.batch import to_network
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.margins import PseudoMargins
from mmseg.datasets.sync_crop import check_size, cut_alike
from mmseg.datasets.uda_dataset import UDADataset
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import LegacyRandom, own_data, random_labels, results, train_pipeline, write_pairs
from tests.datasets.test_rare_class_sampling import Images, counts_of
from tests.parity import golden

REFERENCE = golden('hrda_data')
MARGINS = REFERENCE.config['margins_top_bottom_left_right']


@pytest.fixture
def loaded():
    made = results(REFERENCE.arrays['in.img'], REFERENCE.arrays['in.label'])
    return made | {'ori_shape': (64, 128, 3), 'filename': '', 'ori_filename': '', 'scale_factor': 1.0}


def test_the_mask_of_a_file_is_the_reference_s(loaded):
    made = PseudoMargins(margins=MARGINS).apply(loaded, None)
    assert np.array_equal(made['valid_pseudo_mask'], REFERENCE.arrays['valid_pseudo_mask_full'])


PASSES = [*((case, seed) for case in ('crop', 'resized') for seed in range(100, 105)), ('padded', 100)]


@pytest.mark.parametrize(('case', 'seed'), PASSES)
def test_the_mask_goes_through_the_pipeline_as_the_reference_s(loaded, case, seed):
    steps = [{'type': 'PseudoMargins', 'margins': MARGINS}, *REFERENCE.config['pipelines'][case]]
    made = Compose(steps)(loaded, LegacyRandom(seed))
    assert torch.equal(made['gt_semantic_seg'], REFERENCE.tensor(f'{case}.seed{seed}.label').long())
    mask = REFERENCE.tensor(f'{case}.seed{seed}.valid_pseudo_mask')
    assert (case == 'padded') == bool((mask == 255).any())  # the reference's border counts 255 times; ours not at all
    assert torch.equal(made['valid_pseudo_mask'], mask == 1)


def test_margins_that_leave_nothing_or_are_none_are_refused(loaded):
    with pytest.raises(InputError, match=r'leave nothing of an image of 128x64'):
        PseudoMargins(margins=[40, 24, 0, 0]).apply(loaded, None)
    with pytest.raises(InputError, match='four whole numbers'):
        PseudoMargins(margins=[40, 24])


def test_margins_in_percent_are_shares_of_the_file(loaded):
    shares = PseudoMargins(margins=['25%', 16, '12.5%', '0%']).apply(loaded, None)  # of 128x64 (width x height)
    assert np.array_equal(
        shares['valid_pseudo_mask'], PseudoMargins(margins=[16, 16, 16, 0]).apply(loaded, None)['valid_pseudo_mask']
    )
    for wrong in ('25', '-3%', '%'):
        with pytest.raises(InputError, match='percentages'):
            PseudoMargins(margins=[wrong, 0, 0, 0])


def test_boxes_cut_from_source_and_target_are_the_reference_s():
    label = REFERENCE.tensor('in.label')[None, :64, :64]
    mask = torch.ones(1, 64, 64, dtype=torch.uint8)
    mask[:, :20] = 0
    images = REFERENCE.inputs()
    sample = {
        'img': images['shared.s1'],
        'gt_semantic_seg': label,
        'target_img': images['shared.s2'],
        'target_valid_pseudo_mask': mask,
    }
    rng = LegacyRandom(REFERENCE.config['sync']['np_random_seed'])
    size = tuple(REFERENCE.config['sync']['sync_crop_size'])
    first = cut_alike(sample, size, rng)
    stored = {'img': 'source_img', 'gt_semantic_seg': 'source_label', 'target_img': 'target_img'}
    for key, name in (stored | {'target_valid_pseudo_mask': 'valid_pseudo_mask'}).items():
        assert torch.equal(first[key], REFERENCE.tensor(f'sync.first.{name}')), key
    places = torch.stack(torch.meshgrid(torch.arange(64), torch.arange(64), indexing='ij'))
    rng = LegacyRandom(REFERENCE.config['sync']['np_random_seed'])
    for top, bottom, left, right in REFERENCE.arrays['sync.boxes_y1_y2_x1_x2'].tolist():
        found = cut_alike({'img': places}, size, rng)['img']
        assert found[:, 0, 0].tolist() == [top, left]
        assert found[:, -1, -1].tolist() == [bottom - 1, right - 1]


@pytest.fixture
def pair(tmp_path):
    write_pairs(tmp_path / 'source', random_labels(3, size=(40, 48)))
    write_pairs(tmp_path / 'target', random_labels(3, size=(40, 48), seed=9))
    pipeline = train_pipeline((32, 32))
    target = [pipeline[0], {'type': 'PseudoMargins', 'margins': (10, 4, 6, 0)}, *pipeline[1:]]
    target[-1] = {'type': 'Collect', 'keys': ['img', 'valid_pseudo_mask']}
    return {
        'type': 'UDADataset',
        'source': own_data(tmp_path / 'source', pipeline=pipeline),
        'target': own_data(tmp_path / 'target', pipeline=target),
        'rare_class_sampling': {'min_pixels': 20, 'class_temp': 1.0, 'min_crop_ratio': 2.0},
    }


def test_a_synchronised_crop_is_a_part_of_the_sample_without_it_and_travels_small_alike(pair):
    whole = DATASETS.build(pair)
    small = DATASETS.build(pair | {'sync_crop_size': (16, 24)})
    for i in range(4):
        uncut, cut = whole.sample(i, seed=1), small.sample(i, seed=1)
        places = [
            (top, left)
            for top in range(17)
            for left in range(9)
            if torch.equal(uncut['img'][:, top : top + 16, left : left + 24], cut['img'])
        ]
        assert len(places) == 1
        ((top, left),) = places
        for key in ('gt_semantic_seg', 'target_img', 'target_valid_pseudo_mask'):
            assert torch.equal(uncut[key][:, top : top + 16, left : left + 24], cut[key]), key
        compact = small.compacted().sample(i, seed=1)
        assert compact['img'].dtype == torch.uint8
        batch = {key: [value] if key.endswith('metas') else value[None] for key, value in compact.items()}
        sent = to_network(batch)
        for key in ('img', 'gt_semantic_seg', 'target_img', 'target_valid_pseudo_mask'):
            assert torch.equal(sent[key][0], cut[key]), key


def test_crops_that_cannot_be_cut_alike_are_refused(pair):
    with pytest.raises(InputError, match=r'sync_crop_size=\(40, 8\).*they are 32x32'):
        DATASETS.build(pair | {'sync_crop_size': (40, 8)}).sample(0, seed=0)
    with pytest.raises(InputError, match='two whole numbers of at least 1'):
        check_size((16, 0))
    sample = {'img': torch.zeros(3, 16, 16), 'target_img': torch.zeros(3, 16, 24)}
    with pytest.raises(InputError, match='16x16, 16x24'):
        cut_alike(sample, (8, 8), np.random.default_rng(0))


def test_with_a_crop_ratio_of_2_the_draws_of_a_run_are_the_reference_s(monkeypatch):
    """The wanted class shows 6000, 5999, 6001, 4000, 20000 pixels in successive reads; more than 6000 are enough."""
    reference = golden('hrda_rcs')
    pixels = reference.config['pixels_of_the_wanted_class_by_read']

    class Reads(Images):
        total = 0

        def draw(self, index, rng, accept=None):
            self.reads = 0
            while accept is not None:
                shown = pixels[self.total % len(pixels)]
                self.reads, self.total = self.reads + 1, self.total + 1
                self.shown = shown
                if accept(np.full(shown, accept.train_id)):
                    break
            return {'img': index, 'img_metas': {}}

    source = Reads(8, counts_of(reference.arrays['in.sample_class_stats_json']))
    sampling = {key: reference.config[key] for key in ('class_temp', 'min_pixels', 'min_crop_ratio')}
    dataset = UDADataset(source=source, target=Images(11), rare_class_sampling=sampling)
    rng = LegacyRandom(reference.config['np_random_seed'])
    monkeypatch.setattr(uda_dataset, 'generator', lambda seed, i: rng)
    drawn = []
    draw = dataset.sampler.draw
    monkeypatch.setattr(dataset.sampler, 'draw', lambda rng: drawn.append(draw(rng)) or drawn[-1])
    rows = []
    for i in range(10):
        sample = dataset.sample(i, 0)
        target = sample['target_img']
        rows.append([*drawn[-1], source.reads, source.shown, target, sample['img'], target])
    assert rows == reference.arrays['rows_class_sourceidx_reads_pixels_targetdraw_source_target'].tolist()
