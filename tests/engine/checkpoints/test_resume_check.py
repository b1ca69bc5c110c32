import json
from pathlib import Path

import pytest
from mmengine import Config

from mmseg.engine.checkpoints.resume_check import check_images, check_resume
from mmseg.engine.hooks.settled_choices import keep_choices
from mmseg.engine.provenance import saved_config
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config

MACHINE = {'cpu_threads': '1', 'processor': 'One', 'gpu': 'none', 'torch': '2.14.1'}
PIPELINE = [{'type': 'LoadImageFromFile'}, {'type': 'RandomCrop', 'crop_size': [512, 512]}]
UDA = {'type': 'DACS', 'alpha': 0.999, 'debug_img_interval': 1000}


def values(**options):
    cfg = tiny_config('work_dirs/run', uda=UDA)
    cfg.data.train = {'type': 'UDADataset', 'source': {'pipeline': PIPELINE, 'data_root': 'data/gta'}}
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return cfg.to_dict()


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr('mmseg.engine.checkpoints.resume_check.print_log', lambda text, *_: said.append(text))
    return said


def check(*, env=MACHINE, now=MACHINE, old=None, allow=False, **changed):
    meta = {'seed': 5, 'config': json.dumps(old or values()), 'env_info': env}
    return check_resume({'meta': meta}, Path('latest.pth'), Config(values(**changed)), now, allow_changes=allow)


@pytest.mark.parametrize(
    'changed',
    [
        {},
        {'log_config__interval': 7, 'log_level': 'DEBUG'},
        {'work_dir': 'elsewhere', 'name': 'other', 'exp': 'other'},
        {'data__workers_per_gpu': 3, 'data__val__size': 9},
        {'checkpoint_config__interval': 1, 'evaluation': None},
        {'uda__debug_img_interval': 5, 'model__pretrained': 'file.pth', 'load_from': 'file.pth'},
        {'precision': 'fp32', 'accumulate': 1},  # what an older config leaves to the defaults
        {'a_variable': 1},
    ],
)
def test_what_does_not_change_the_training_passes_without_a_word(changed, warnings):
    assert check(**changed) == []
    assert not warnings


@pytest.mark.parametrize(
    ('changed', 'told'),
    [
        ({'seed': 7}, 'seed 5 → 7'),
        ({'data__samples_per_gpu': 4}, 'data.samples_per_gpu 2 → 4'),
        ({'uda__alpha': 0.5}, 'uda.alpha 0.999 → 0.5'),
        ({'uda__pseudo_threshold': 0.1}, 'uda.pseudo_threshold none → 0.1'),
        ({'accumulate': 2}, 'accumulate 1 → 2'),
        ({'precision': 'bf16'}, 'precision fp32 → bf16'),
        ({'lr_config__power': 0.9}, 'lr_config.power 1.0 → 0.9'),
        ({'data__train__source__pipeline': [PIPELINE[0]]}, 'data.train.source.pipeline ['),
        (
            {'data__train__source__pipeline': [PIPELINE[0], {'type': 'RandomCrop', 'crop_size': (512, 256)}]},
            'data.train.source.pipeline.1.crop_size.1 512 → 256',
        ),
        ({'optimizer__paramwise_cfg__custom_keys__head__lr_mult': 1.0}, 'custom_keys.head.lr_mult 10.0 → 1.0'),
    ],
)
def test_what_changes_the_training_is_refused_or_recorded(changed, told, warnings):
    with pytest.raises(InputError) as refused:
        check(**changed)
    assert told in str(refused.value)
    assert '--allow-changes' in str(refused.value)
    allowed = check(**changed, allow=True)
    assert len(allowed) == 1
    assert told in str(allowed[0])
    assert any(told in text for text in warnings)


def test_another_kind_of_optimizer_is_refused_in_any_case():
    with pytest.raises(InputError, match=r'optimizer\.type AdamW → SGD') as refused:
        check(optimizer__type='SGD', allow=True)
    assert '--allow-changes' not in str(refused.value)


def test_a_longer_run_and_other_hooks_go_on_and_are_told(warnings):
    assert check(runner__max_iters=24, custom_hooks=[{'type': 'EMAHook'}]) == []
    assert any('runner.max_iters 12 → 24' in text for text in warnings)
    assert any('custom_hooks' in text for text in warnings)


def test_another_machine_is_one_warning_with_all_that_differs(warnings):
    now = {'cpu_threads': '2', 'processor': 'Other', 'gpu': 'H100', 'torch': '2.15.0'}
    assert check(now=now, deterministic=True) == []
    assert len(warnings) == 1
    assert 'not bit for bit' in warnings[0]
    for text in ('threads 1 → 2', 'processor One → Other', 'GPU none → H100', 'torch 2.14.1 → 2.15.0', 'deterministic'):
        assert text in warnings[0]


def test_a_checkpoint_that_does_not_say_how_it_was_made_is_compared_by_its_seed(warnings):
    state = {'meta': {'seed': 5}}
    assert check_resume(state, Path('x.pth'), Config(values(uda__alpha=0.5)), MACHINE, allow_changes=False) == []
    with pytest.raises(InputError, match='seed 5 → 6'):
        check_resume(state, Path('x.pth'), Config(values(seed=6)), MACHINE, allow_changes=False)
    assert not warnings


@pytest.mark.parametrize('text', [None, 'x', '[]', '3', '[' * 5000])
def test_a_copy_of_a_config_that_is_none_is_no_copy(text, warnings):
    assert saved_config(text) is None
    meta = {'seed': 5, 'config': text}
    assert check_resume({'meta': meta}, Path('latest.pth'), Config(values()), MACHINE, allow_changes=False) == []
    cfg = Config(values())
    keep_choices(cfg, {'meta': meta})
    assert cfg.to_dict() == values()


IMAGES = {'source': {'count': 3, 'names': 'a'}, 'target': {'count': 2, 'names': 'b'}}


@pytest.mark.parametrize(
    ('now', 'told'),
    [
        ({'count': 1, 'names': 'c'}, 'images of data.train.target 2 → 1'),
        ({'count': 2, 'names': 'c'}, 'images of data.train.target 2 → 2 of other names'),
    ],
)
def test_other_images_are_refused_or_recorded(now, told, warnings):
    state, today = {'meta': {'images': IMAGES}}, {**IMAGES, 'target': now}
    with pytest.raises(InputError, match=f'latest.pth was trained with other settings: {told}.*--allow-changes'):
        check_images(state, Path('latest.pth'), today, allow_changes=False)
    assert list(map(str, check_images(state, Path('latest.pth'), today, allow_changes=True))) == [told]
    assert any(told in text for text in warnings)


@pytest.mark.parametrize('before', [None, {}, {'': {'count': 9, 'names': 'x'}}, IMAGES])
def test_the_same_images_pass_and_so_does_a_checkpoint_that_does_not_tell_its_own(before, warnings):
    assert check_images({'meta': {'images': before}}, Path('x.pth'), IMAGES, allow_changes=False) == []
    assert check_images({'meta': {}}, Path('x.pth'), IMAGES, allow_changes=False) == []
    assert not warnings
