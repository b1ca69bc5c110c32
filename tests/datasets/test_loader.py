from itertools import islice

import pytest
import torch

from mmseg.datasets.loader import build_dataset, build_test_loader, build_train_loader, collate
from mmseg.errors import InputError
from tests.datasets.samples import own_data, pipeline_of_testing, random_labels, write_pairs


@pytest.fixture
def uda(tmp_path):
    write_pairs(tmp_path / 'source', random_labels(5))
    write_pairs(tmp_path / 'target', random_labels(3, seed=1))
    source, target = own_data(tmp_path / 'source'), own_data(tmp_path / 'target')
    sampling = {'min_pixels': 50, 'class_temp': 0.1, 'min_crop_ratio': 0.5}
    return build_dataset({'type': 'UDADataset', 'source': source, 'target': target, 'rare_class_sampling': sampling})


def batches(dataset, count, **options):
    loader = build_train_loader(dataset, **{'samples_per_gpu': 2, 'workers_per_gpu': 0, 'seed': 5} | options)
    return list(islice(loader, count))


def same(one, other):
    assert one['img_metas'][0]['ori_filename'] == other['img_metas'][0]['ori_filename']
    for key in ('img', 'gt_semantic_seg', 'target_img'):
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)


def test_a_batch_stacks_tensors_and_lists_meta_data(uda):
    batch = batches(uda, 1)[0]
    assert batch['img'].shape == batch['target_img'].shape == (2, 3, 16, 16)
    assert batch['gt_semantic_seg'].shape == (2, 1, 16, 16)
    assert [len(batch[key]) for key in ('img_metas', 'target_img_metas')] == [2, 2]


@pytest.mark.parametrize('workers', [1, 2])
def test_any_number_of_workers_gives_the_same_stream(uda, workers):
    for one, other in zip(batches(uda, 6), batches(uda, 6, workers_per_gpu=workers), strict=True):
        same(one, other)


def test_a_stream_can_be_entered_anywhere(uda):
    for one, other in zip(batches(uda, 7)[4:], batches(uda, 3, start_iteration=4), strict=True):
        same(one, other)


def test_ranks_share_the_stream_without_overlap(uda):
    single = batches(uda, 3, samples_per_gpu=4)
    ranks = [batches(uda, 3, rank=rank, world_size=2) for rank in (0, 1)]
    for whole, *parts in zip(single, *ranks, strict=True):
        torch.testing.assert_close(whole['img'], torch.cat([part['img'] for part in parts]), rtol=0, atol=0)


def test_seeds_give_different_streams(uda):
    assert not torch.equal(batches(uda, 1)[0]['img'], batches(uda, 1, seed=6)[0]['img'])


def test_a_data_set_travels_to_spawned_workers(uda):
    loader = build_train_loader(uda, samples_per_gpu=1, workers_per_gpu=1, seed=5)
    loader.multiprocessing_context = 'spawn'
    same(next(iter(loader)), batches(uda, 1, samples_per_gpu=1)[0])


def test_bad_data_reach_the_user_as_one_sentence_from_a_worker_too(uda, tmp_path):
    for path in (tmp_path / 'source/images').iterdir():
        path.write_text('broken')
    for workers in (0, 1):
        with pytest.raises(InputError) as error:
            batches(uda, 1, workers_per_gpu=workers)
        assert 'cannot be decoded' in str(error.value)
        assert 'Traceback' not in str(error.value)


def test_samples_of_different_sizes_are_refused_with_the_way_out():
    with pytest.raises(InputError, match=r'differ in size.*Pad'):
        collate([{'img': torch.zeros(3, 4, 4)}, {'img': torch.zeros(3, 4, 5)}])


@pytest.mark.parametrize('workers', [0, 1])
def test_the_test_loader_gives_every_image_once_in_order(tmp_path, workers):
    write_pairs(tmp_path, random_labels(5))
    dataset = build_dataset(own_data(tmp_path, pipeline=pipeline_of_testing()), {'test_mode': True})
    names = [batch['img_metas'][0][0]['ori_filename'] for batch in build_test_loader(dataset, workers_per_gpu=workers)]
    assert names == [f'00{i}.png' for i in range(5)]
    second = list(build_test_loader(dataset, workers_per_gpu=0, rank=1, world_size=2))
    assert [batch['img_metas'][0][0]['ori_filename'] for batch in second] == ['001.png', '003.png']
    assert second[0]['img'][0].shape == (1, 3, 24, 32)
