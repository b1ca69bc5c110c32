"""Runs on several domains, with a few labels, and without a source, on images in folders."""

import signal

import pytest
import torch

from mmseg.config.components import check_components
from mmseg.engine.stop import Interrupted
from mmseg.engine.train import build_runner, train
from mmseg.errors import InputError
from mmseg.report.logs import read_log
from tests.engine.test_train import lines
from tests.own_data.users import images_of, loaded, pipelines, user_config, write_domain

STEPS = pipelines()
FREE = {'type': 'SourceFree', 'alpha': 0.99, 'pseudo_threshold': 0.3, 'debug_img_interval': 1}
FREE['terms'] = [{'type': 'MaskedConsistency', 'block_size': 8}]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Four domains of small images."""
    folder = tmp_path_factory.mktemp('domains')
    for name, gain in (('a', 1.0), ('c', 0.8), ('b', 1.4), ('d', 1.6)):
        write_domain(folder / name, gain=gain)
    (folder / 'few.txt').write_text('0\n1\n')
    return folder


def several(root, **options):
    """From a and c to b and d, with two labelled images of b, evaluated on the rest of b and on d."""
    labelled, unlabelled = ({'pipeline': STEPS[kind]} for kind in ('labelled', 'unlabelled'))
    (root / 'rest.txt').write_text('2\n3\n')
    few = images_of(root / 'b', labelled['pipeline'], ann_dir='lab', split=str(root / 'few.txt'))
    train_set = {
        'type': 'UDADataset',
        'source': [images_of(root / name, labelled['pipeline'], ann_dir='lab') for name in ('a', 'c')],
        'source_weights': [2, 1],
        'target': [images_of(root / name, unlabelled['pipeline']) for name in ('b', 'd')],
        'target_weights': [1, 1],
        'labelled_target': few,
        'labelled_target_share': 0.4,
        'rare_class_sampling': {'min_pixels': 10, 'class_temp': 0.5},
    }
    sets = {
        'b': images_of(root / 'b', STEPS['test'], ann_dir='lab', split=str(root / 'rest.txt')),
        'd': images_of(root / 'd', STEPS['test'], ann_dir='lab'),
    }
    data = {'samples_per_gpu': 2, 'workers_per_gpu': 0, 'train': train_set, 'val': sets}
    uda = {'type': 'DACS', 'alpha': 0.9, 'pseudo_threshold': 0.4, 'debug_img_interval': 1000}
    return {'data': data, 'uda': uda, 'evaluation': {'interval': 4}, **options}


def trained(root, folder, **options):
    cfg = loaded(user_config(root, **several(root, **options)), folder)
    check_components(cfg)
    return train(cfg)


def last(folder):
    return torch.load(folder / 'latest.pth', weights_only=True)['state_dict']


def test_several_domains_and_a_few_labels_train_and_the_log_says_what_is_drawn(root, tmp_path):
    straight = trained(root, tmp_path / 'straight')
    text = next(straight.glob('*.log')).read_text()
    assert 'Labelled images come from a (4 images, 40.0% of the draws), c (4 images, 20.0% of the draws), b (2' in text
    assert 'Target images come from b (4 images, 50.0% of the draws), d (4 images, 50.0% of the draws).' in text
    assert {'b/mIoU', 'd/mIoU', 'mIoU'} <= lines(straight)['val', 4].keys()


@pytest.mark.slow
def test_a_run_on_several_domains_is_resumed_bit_for_bit(root, tmp_path):
    straight = trained(root, tmp_path / 'straight')
    stop = [{'type': 'KillAt', 'iteration': 2, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        trained(root, tmp_path / 'run', custom_hooks=stop)
    cfg = loaded(user_config(root, **several(root)), tmp_path / 'run')
    train(cfg, resume=tmp_path / 'run' / 'latest.pth')
    for name, value in last(straight).items():
        assert torch.equal(value, last(tmp_path / 'run')[name]), name


def test_a_set_that_shares_images_with_the_labelled_target_is_refused_before_training(root, tmp_path):
    options = several(root)
    del options['data']['val']['b']['split']
    with pytest.raises(
        InputError, match=r'data\.val\.b holds 2 of the 2 images whose labels .*labelled_target teaches'
    ):
        build_runner(loaded(user_config(root, **options), tmp_path / 'run'))


def source_free(root, **options):
    target = images_of(root / 'b', STEPS['unlabelled'])
    val = images_of(root / 'b', STEPS['test'], ann_dir='lab')
    data = {'samples_per_gpu': 2, 'workers_per_gpu': 0, 'train': {'type': 'UDADataset', 'target': target}, 'val': val}
    return {'data': data, 'uda': FREE, 'runner': {'type': 'IterBasedRunner', 'max_iters': 2}, **options}


def test_a_trained_network_adapts_itself_without_its_source(root, tmp_path):
    first = train(loaded(user_config(root, runner={'type': 'IterBasedRunner', 'max_iters': 1}), tmp_path / 'first'))
    log = {'interval': 1, 'hooks': [{'type': 'TextLoggerHook'}]}
    monitor = {'interval': 2, 'images': 2}
    options = source_free(root, load_from=str(first / 'latest.pth'), log_config=log, target_monitor=monitor)
    cfg = loaded(user_config(root, **options), tmp_path / 'run')
    check_components(cfg)
    folder = train(cfg)
    logged = lines(folder)
    assert {'trg.decode.loss_seg', 'masked.decode.loss_seg'} <= logged['train', 2].keys()
    measured = read_log(folder).val[2]
    assert {'mIoU', 'target_quality'} <= measured.keys()
    assert 'source_mIoU' not in measured
    weight = 'decode_head.conv_seg.weight'
    assert not torch.equal(last(folder)[f'model.{weight}'], last(first)[f'model.{weight}'])
    assert len(list((folder / 'class_mix_debug').iterdir())) == 2


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({}, r"uda.type='SourceFree' has no labels to learn the classes from: give load_from=CHECKPOINT"),
        ({'uda': {'type': 'DACS'}}, r"data.train has no source, but uda.type='DACS' learns from labelled images"),
        ({'uda': None}, r'data.train has no source, but uda=None learns from labelled images'),
    ],
)
def test_a_run_that_has_nothing_to_learn_the_classes_from_is_one_sentence(root, tmp_path, change, message):
    cfg = loaded(user_config(root, **{**source_free(root), **change}), tmp_path / 'run')
    with pytest.raises(InputError, match=message):
        check_components(cfg)


def test_sources_of_unequal_classes_are_refused_before_training(root, tmp_path):
    options = several(root)
    options['data']['train']['source'][1]['classes'] = ['ground', 'car', 'house']
    with pytest.raises(
        InputError, match='need the same classes in the same order, but the first of a list and number 2'
    ):
        build_runner(loaded(user_config(root, **options), tmp_path / 'run'))
