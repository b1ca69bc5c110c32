import copy
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg.datasets import pixel_store, training_cache
from mmseg.datasets.loader import build_dataset, build_train_loader
from mmseg.datasets.pipelines import loading
from mmseg.datasets.training_cache import CachedImage, arrays_of
from mmseg.errors import InputError
from tests.datasets.samples import own_data, random_labels, train_pipeline, write_pairs
from tests.datasets.test_fields import Margins  # noqa: F401 (a step that these pipelines have)

SAMPLING = {'min_pixels': 50, 'class_temp': 0.1, 'min_crop_ratio': 0.5}
FIXED = {'type': 'Resize', 'img_scale': (40, 30)}


def pipeline(**resize):
    steps = train_pipeline((16, 16))
    steps[2] = {**FIXED, **resize}
    return steps


@pytest.fixture
def cfg(tmp_path):
    """A pair of data sets whose images have two sizes, with a Resize to one scale that keeps the ratio."""
    labels = random_labels(4) | {'wide': random_labels(1, size=(20, 50))['000']}
    for part in ('source', 'target'):
        write_pairs(tmp_path / part, labels, seed=len(part))
    source, target = (own_data(tmp_path / part, pipeline=pipeline()) for part in ('source', 'target'))
    return {'type': 'UDADataset', 'source': source, 'target': target, 'rare_class_sampling': SAMPLING}


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(training_cache, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


def make_cache(cfg):
    pair = build_dataset(copy.deepcopy(cfg))
    return [(arrays, arrays.write(1)) for part in (pair.source, pair.target) for arrays in arrays_of(part)]


def forbid_decoding(monkeypatch):
    monkeypatch.setattr(loading, 'read_image', lambda *_, **__: pytest.fail('decoded an image'))
    monkeypatch.setattr('mmseg.datasets.labels.read_ids', lambda *_: pytest.fail('decoded a label'))


def test_cached_samples_are_the_plain_ones_bit_for_bit_and_nothing_is_decoded(cfg, said, monkeypatch):
    plain = build_dataset(copy.deepcopy(cfg))
    expected = [plain.sample(i, 3) for i in range(12)]
    small = [plain.compacted().sample(i, 3) for i in range(12)]
    make_cache(cfg)
    cached = build_dataset(cfg)
    assert [text for text in said if 'images are read from the training cache' in text] == said[-2:]
    forbid_decoding(monkeypatch)
    for dataset, wanted in ((cached, expected), (cached.compacted(), small)):
        for i, one in enumerate(wanted):
            other = dataset.sample(i, 3)
            assert set(one) == set(other)
            for key in ('img', 'gt_semantic_seg', 'target_img'):
                assert torch.equal(one[key], other[key])
            for key in ('img_metas', 'target_img_metas'):
                assert set(one[key]) == set(other[key])
                for name, value in one[key].items():
                    np.testing.assert_equal(other[key][name], value, err_msg=name)


def test_images_of_the_target_are_cached_without_opening_its_labels(cfg):
    for path in Path(cfg['target']['data_root'], 'labels').iterdir():
        path.write_text('must not be opened')
    kinds = [arrays.meaning.split()[0] for arrays, _ in make_cache(cfg)]
    assert kinds == ['images', 'labels', 'images']
    assert isinstance(build_dataset(cfg).target.pipeline.transforms[0], CachedImage)


def test_a_cache_travels_to_workers(cfg):
    expected = build_dataset(copy.deepcopy(cfg)).compacted().sample(0, 1)
    make_cache(cfg)
    cached = build_dataset(cfg)
    cached.sample(0, 0)  # files are mapped already
    assert len(pickle.dumps(cached)) < 40_000
    loader = build_train_loader(cached, samples_per_gpu=1, workers_per_gpu=1, seed=1)
    loader.multiprocessing_context = 'spawn'
    batch = next(iter(loader))
    assert torch.equal(batch['img'][0], expected['img'])


def test_several_shards_hold_what_one_holds(cfg, monkeypatch):
    monkeypatch.setattr(pixel_store, 'SHARD_BYTES', 7000)
    expected = build_dataset(copy.deepcopy(cfg)).sample(5, 1)
    arrays = make_cache(cfg)[0][0]
    assert len(list(arrays.folder.glob('*.raw'))) > 2
    assert torch.equal(build_dataset(cfg).sample(5, 1)['img'], expected['img'])


def test_a_moved_data_set_takes_its_cache_along(cfg, tmp_path, said):
    make_cache(cfg)
    (tmp_path / 'source').rename(tmp_path / 'moved')
    source = {**cfg['source'], 'data_root': str(tmp_path / 'moved') + '/'}
    assert isinstance(build_dataset(source).pipeline.transforms[0], CachedImage)


def touched(cfg, folder):
    path = sorted(Path(cfg['source']['data_root'], folder).iterdir())[1]
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))
    return str(path)


@pytest.mark.parametrize('folder', ['images', 'labels'])
def test_a_changed_file_makes_the_cache_stale_which_is_told_with_the_way_out(cfg, said, folder):
    expected = build_dataset(copy.deepcopy(cfg)).sample(2, 1)
    make_cache(cfg)
    path = touched(cfg, folder)
    dataset = build_dataset(cfg)
    assert f'is stale: {path} has changed since' in said[-2]
    assert 'python -m tools.cache_dataset' in said[-2]
    assert not isinstance(dataset.source.pipeline.transforms[0], CachedImage)
    assert torch.equal(dataset.sample(2, 1)['img'], expected['img'])


def test_what_is_wrong_with_a_cache_is_named(cfg, said):
    arrays = make_cache(cfg)[0][0]
    shard, manifest = arrays.folder / 'pixels-000.raw', arrays.folder / 'manifest.npz'
    content = shard.read_bytes()
    source = {**cfg['source'], 'split': None}

    def reason():
        said.clear()
        build_dataset(copy.deepcopy(source))
        return said[0]

    shard.write_bytes(content[:-1])
    assert 'is damaged: pixels-000.raw is not' in reason()
    shard.write_bytes(bytes(len(content)))
    assert 'gives other pixels here' in reason()
    shard.write_bytes(content)
    assert 'are read from the training cache' in reason()
    write_pairs(Path(source['data_root']), {'new': random_labels(1)['000']})
    assert 'is incomplete: it lacks 1 of 6 files' in reason()
    manifest.write_bytes(b'PK')
    assert 'cannot be read' in reason()
    manifest.unlink()
    assert 'does not exist' in reason()


def test_a_cache_of_another_size_or_meaning_is_not_taken(cfg, said):
    make_cache(cfg)
    for other in ({'pipeline': pipeline(img_scale=(41, 30))}, {'pipeline': pipeline(keep_ratio=False)}):
        dataset = build_dataset({**cfg['source'], **other})
        assert not isinstance(dataset.pipeline.transforms[0], CachedImage)
    assert not isinstance(build_dataset({**cfg['source'], 'ignore': [2]}).pipeline.transforms[0], CachedImage)
    assert 'does not exist' in said[-1]  # the labels are of another meaning, the images are there


@pytest.mark.parametrize(
    'start',
    [
        [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {**FIXED, 'ratio_range': (0.5, 1.5)}],
        [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {**FIXED, 'img_scale': [(40, 30), (50, 30)]}],
        [{'type': 'LoadImageFromFile', 'to_float32': True}, {'type': 'LoadAnnotations'}, FIXED],
        [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}],
    ],
)
def test_only_a_beginning_without_chance_is_cached(cfg, start):
    steps = start + [step for step in pipeline()[3:] if step['type'] != 'PhotoMetricDistortion']
    assert arrays_of(build_dataset({**cfg['source'], 'pipeline': steps})) == []


def test_a_cache_that_a_pipeline_cannot_use_is_told_with_the_reason(cfg, said):
    make_cache(cfg)
    steps = pipeline()
    steps.insert(2, {'type': 'RandomFlip', 'prob': 0.5})
    build_dataset({**cfg['source'], 'pipeline': steps})
    assert 'cannot be used by the pipeline LoadImageFromFile -> LoadAnnotations -> RandomFlip -> Resize' in said[-1]


def test_a_field_that_is_added_before_the_resize_is_the_plain_one_with_the_cache(cfg, monkeypatch):
    for part in ('source', 'target'):
        steps = pipeline()
        steps.insert(2, {'type': 'Margins'})
        steps[-1]['keys'] = [*steps[-1]['keys'], 'valid_pseudo_mask']
        cfg[part]['pipeline'] = steps
    plain = build_dataset(copy.deepcopy(cfg))
    expected = [plain.sample(i, 3) for i in range(8)]
    make_cache(cfg)
    cached = build_dataset(cfg)
    forbid_decoding(monkeypatch)
    for i, one in enumerate(expected):
        other = cached.sample(i, 3)
        for key in ('valid_pseudo_mask', 'target_valid_pseudo_mask', 'target_img', 'gt_semantic_seg'):
            assert torch.equal(one[key], other[key]), key
    assert not all(one['target_valid_pseudo_mask'].all() for one in expected)


def test_a_pair_of_different_sizes_is_named_from_the_cache_too(cfg):
    make_cache(cfg)
    dataset = build_dataset(cfg)
    label = dataset.source.pipeline.transforms[1].store
    label.originals[:] = (24, 33)
    with pytest.raises(InputError, match=r'is 32x24 but its label map .* is 33x24|is 50x20 but its label map'):
        dataset.sample(0, 0)


def test_a_cache_that_does_not_fit_the_disk_is_refused_before_the_work(cfg, monkeypatch):
    monkeypatch.setattr(pixel_store.shutil, 'disk_usage', lambda _: DiskFull)
    with pytest.raises(InputError, match=r'The cache needs .* GB; the disk of .* has 0\.0 GB left'):
        make_cache(cfg)
    assert not list(Path(cfg['source']['data_root'], 'training_cache').iterdir())


class DiskFull:
    free = 0


def test_folders_are_looked_at_once_whatever_the_number_of_files(cfg, monkeypatch):
    """Without a cache no path of a file is put together; with one, a folder's way is found once."""
    asked = []
    real = training_cache.relpath
    monkeypatch.setattr(training_cache, 'relpath', lambda *paths: asked.append(paths[0]) or real(*paths))
    source = build_dataset(copy.deepcopy(cfg)['source'])
    assert len(asked) <= 1
    images, labels = arrays_of(source)
    assert 'files' not in vars(images)
    asked.clear()
    assert len(images.files) == len(labels.files) == 5
    assert len(asked) == 2
