import pytest
from mmengine import Config
from mmengine.hooks import Hook

from mmseg.engine.checks import hook_check
from mmseg.engine.checks.hook_check import check_hooks
from mmseg.engine.train import train
from mmseg.errors import InputError
from mmseg.registry import HOOKS
from tests.engine.tiny import tiny_config


def with_hook(place: str, **hook) -> Config:
    cfg = Config({'log_config': {'interval': 1, 'hooks': [{'type': 'TextLoggerHook'}]}, 'custom_hooks': []})
    (cfg.log_config.hooks if place == 'log_config.hooks' else cfg.custom_hooks).append(hook)
    return cfg


@pytest.mark.parametrize(
    ('place', 'hook', 'message'),
    [
        ('log_config.hooks', {'type': 'WanbLoggerHook'}, r"hooks\.1: 'WanbLoggerHook'.*Did you mean 'WandbLoggerHook'"),
        (
            'log_config.hooks',
            {'type': 'TextLoggerHook', 'by_epok': 1},
            "'by_epok'. Did you mean 'by_epoch'",
        ),
        ('custom_hooks', {'type': 'ScalarLogs'}, r"custom_hooks\.0: 'ScalarLogs'.*Did you mean 'ScalarLog'"),
        ('custom_hooks', {'type': 'EMAHook', 'priority': 'HI'}, "priority='HI' is not in 0..100 or one of HIGHEST"),
        ('custom_hooks', {'type': 'EMAHook', 'priority': 101}, 'is not in 0..100'),
        ('custom_hooks', {'type': 'ReplicaCheck', 'interval': 0}, r'custom_hooks\.0: ReplicaCheck: interval=0'),
        (
            'custom_hooks',
            {'type': 'ReplicaCheck', 'interval': 'x'},
            "interval='x' does not fit: it takes a whole",
        ),
    ],
)
def test_what_cannot_be_built_is_told_with_its_place(place, hook, message):
    with pytest.raises(InputError, match=message):
        check_hooks(with_hook(place, **hook))


@pytest.mark.parametrize(('key', 'value'), [('max_keep_ckpts', 'x'), ('max_keep_ckpts', 1.5), ('interval', 0)])
def test_what_saves_the_run_is_checked_too(key, value):
    with pytest.raises(InputError, match=f'checkpoint_config: CheckpointSaver: {key}='):
        check_hooks(Config({'checkpoint_config': {key: value}}))


@pytest.mark.parametrize('hook', [{'type': 'EmptyCacheHook', 'priority': 'LOW'}, {'type': 'ScalarLog', 'priority': 30}])
def test_hooks_of_ours_and_of_the_engine_pass(hook):
    check_hooks(with_hook('custom_hooks', **hook))


STARTED = []


@HOOKS.register_module()
class Noted(Hook):
    def __init__(self, *, name: str) -> None:
        self.name = name

    def before_train(self, runner) -> None:
        STARTED.append(self.name)


def test_a_priority_orders_the_hooks_of_a_run(tmp_path):
    cfg = tiny_config(tmp_path, runner__max_iters=1)
    cfg.custom_hooks = [
        {'type': 'Noted', 'name': 'second', 'priority': 'LOW'},
        {'type': 'Noted', 'name': 'first', 'priority': 'HIGH'},
    ]
    train(cfg)
    assert STARTED == ['first', 'second']


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('EMAHook', 'saves averaged weights'),
        ('CheckpointHook', 'take it out, and set checkpoint_config'),
        ('IterTimerHook', 'nothing to add'),
        ('LoggerHook', 'set log_config'),
        ('ParamSchedulerHook', 'set lr_config'),
        ('EarlyStoppingHook', 'cannot stop this loop'),
    ],
)
def test_a_hook_of_the_engine_that_would_do_something_else_is_refused_with_what_to_do(name, said):
    assert name in HOOKS.parent.module_dict
    for place in ('custom_hooks', 'log_config.hooks'):
        with pytest.raises(InputError, match=rf'{place}\.\d: {name} .*{said}'):
            check_hooks(with_hook(place, type=name))


def test_a_hook_that_waits_for_what_never_comes_is_named(monkeypatch):
    said = []
    monkeypatch.setattr(hook_check, 'print_log', lambda text, *_, **__: said.append(text))
    check_hooks(Config({'custom_hooks': [{'type': 'SyncBuffersHook'}]}))
    assert said == [
        'custom_hooks.0: SyncBuffersHook acts in after_train_epoch, before_val_epoch, which is never reached.'
    ]
