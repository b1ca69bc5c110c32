"""What keys a config has, which values the absent ones take, and clear errors for those that do not exist.

Arguments of networks, methods, data sets and transforms are not listed here: their constructors are the schema
(:mod:`mmseg.config.components` asks them). Here is the rest: the top level, and the sections that no constructor
receives as they stand.
"""

import copy
import difflib
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from mmseg.config import rules
from mmseg.config.names import unfit_as_name
from mmseg.config.rules import value_at
from mmseg.config.test_data import described_by_training
from mmseg.config.values import Count, Range, fits, in_words, shown
from mmseg.config.workers import default_workers
from mmseg.errors import InputError, nearest

Purpose = Literal['train', 'test']

# Sections that a run goes without when a config says None; None elsewhere is the default.
OPTIONAL = {'checkpoint_config', 'evaluation'}
# Sections in which None is the default as well: as if the key were not there.
NONE_IS_DEFAULT = (
    'evaluation', 'target_monitor', 'log_config', 'dist_params', 'env_cfg', 'env_cfg.mp_cfg',
    'data.train.rare_class_sampling', 'data.train.long_tail_paste',
)  # fmt: skip

# The top level: every key with the value it takes when a config does not have it.
DEFAULTS: dict[str, Any] = {
    'uda': None,  # no adaptation: trained on data.train as it is
    'optimizer_config': {},
    'lr_config': None,  # constant learning rate
    'accumulate': 1,  # iterations between two optimizer steps
    'precision': 'fp32',
    'compile': False,  # True compiles the encoders; 'reduce-overhead' replays CUDA graphs too
    'tf32': False,  # fp32 products on a GPU keep all their bits
    'seed': None,  # a new one is drawn and recorded
    'deterministic': False,
    'cudnn_benchmark': False,
    # None: nothing is saved
    'checkpoint_config': {'by_epoch': False, 'interval': 4000, 'max_keep_ckpts': 1, 'minutes': 30},
    'evaluation': {'interval': 4000, 'metric': 'mIoU'},
    'target_monitor': None,  # label-free figures of the target, and a held-out part of the source: docs/own_data.md
    'log_config': {
        'interval': 50,
        'hooks': [{'type': 'TextLoggerHook', 'by_epoch': False}, {'type': 'TensorboardLoggerHook'}],
    },
    'log_level': 'INFO',
    'custom_hooks': [],
    'env_cfg': {},
    'dist_params': {'backend': 'nccl', 'check_interval': 500},  # of several processes on GPUs; see docs/multi_gpu.md
    'find_unused_parameters': False,  # without effect: parameters that take no part are always found
    'use_ddp_wrapper': True,  # without effect: there is no wrapper
    'n_gpus': 1,  # processes of the run; 0 = on the CPU
    'workflow': [('train', 1)],
    'load_from': None,
    'resume_from': None,
    'work_dir': None,  # made from exp, name and the time
    'exp': 'basic',
    'name': None,  # the file's name
}
OF_MMSEG_1 = (
    'train_dataloader', 'val_dataloader', 'test_dataloader', 'optim_wrapper', 'param_scheduler', 'default_hooks',
    'val_evaluator', 'test_evaluator', 'default_scope',
)  # fmt: skip
REQUIRED = {'train': ('model', 'data.train', 'optimizer', 'runner'), 'test': ('model', 'data.test')}
TOP_LEVEL = {'model', 'data', 'optimizer', 'runner', 'custom_imports', *DEFAULTS}

# Variables that users have in their configs to build other values with; never a misspelt key.
USER_VARIABLES = {
    'norm_cfg',
    'backbone_norm_cfg',
    'conv_cfg',
    'act_cfg',
    'data_root',
    'dataset_type',
    'img_norm_cfg',
    'crop_size',
    'train_pipeline',
    'val_pipeline',
    'test_pipeline',
}
# How alike an unknown top-level key must be to a known one to count as misspelt: 'runer' yes, 'crop' no.
MISSPELT = 0.85

SECTIONS: dict[str, set[str]] = {
    'data': {'samples_per_gpu', 'workers_per_gpu', 'train', 'val', 'test'},
    'data.train.rare_class_sampling': {'min_pixels', 'class_temp', 'min_crop_ratio', 'tries'},
    'data.train.long_tail_paste': {'classes', 'num_classes', 'min_pixels', 'min_crop_ratio'},
    'runner': {'type', 'max_iters'},
    'lr_config': {
        'policy',
        'power',
        'min_lr',
        'min_lr_ratio',
        'by_epoch',
        'warmup',
        'warmup_iters',
        'warmup_ratio',
        'step',
        'gamma',
    },
    'optimizer_config': {'grad_clip'},
    'optimizer_config.grad_clip': {'max_norm', 'norm_type'},
    'optimizer.paramwise_cfg': {'custom_keys', 'norm_decay_mult', 'bias_lr_mult', 'bias_decay_mult', 'layer_decay'},
    'checkpoint_config': {'by_epoch', 'interval', 'max_keep_ckpts', 'minutes', 'learned_only'},
    'evaluation': {'interval', 'metric', 'samples_per_gpu', 'precision', 'save_best', 'weights'},
    'target_monitor': {'interval', 'images', 'held_out'},
    'log_config': {'interval', 'hooks'},
    'dist_params': {'backend', 'port', 'check_interval'},
    'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
    'env_cfg.mp_cfg': {'mp_start_method', 'opencv_num_threads'},
}
DICTS = {'model', *SECTIONS, 'optimizer', 'uda', 'env_cfg.dist_cfg'}
CHOICES: dict[str, tuple[Any, ...]] = {
    'precision': ('fp32', 'bf16', 'fp16'),
    'evaluation.precision': ('fp32', 'bf16', 'fp16', None),
    'evaluation.weights': ('student', 'teacher', None),
    'compile': (False, True, 'reduce-overhead'),
    'tf32': (False, True),
    'runner.type': ('IterBasedRunner',),
    'checkpoint_config.by_epoch': (False,),
    'checkpoint_config.learned_only': (False, True, None),
    'dist_params.backend': ('nccl', 'gloo'),
    'log_level': ('DEBUG', 'INFO', 'WARNING', 'ERROR'),
    'env_cfg.mp_cfg.mp_start_method': ('fork', 'spawn', 'forkserver', None),
}
# Whole numbers and the least they may be.
AT_LEAST: dict[str, int] = {
    'runner.max_iters': 1,
    'data.samples_per_gpu': 1,
    'data.workers_per_gpu': 0,
    'accumulate': 1,
    'seed': 0,
    'n_gpus': 0,
    'dist_params.check_interval': 1,
    'data.train.rare_class_sampling.tries': 1,
    'data.train.long_tail_paste.num_classes': 1,
    'checkpoint_config.interval': 1,
    'evaluation.interval': 1,
    'evaluation.samples_per_gpu': 1,
    'target_monitor.interval': 1,
    'target_monitor.images': 1,
    'log_config.interval': 1,
}

# What other values are, where they are given.
TYPES: dict[str, Any] = {
    'load_from': str,
    'resume_from': str,
    'work_dir': str,
    'deterministic': bool,
    'cudnn_benchmark': bool,
    'find_unused_parameters': bool,
    'use_ddp_wrapper': bool,
    'workflow': Sequence[Sequence],
    'env_cfg.cudnn_benchmark': bool,
    'env_cfg.resource_limit': Count,  # open files
    'env_cfg.mp_cfg.opencv_num_threads': Annotated[int, Range(-1, 4096)],
    'evaluation.metric': str | Sequence[str],
    'data.train.long_tail_paste.classes': Sequence[str | int],
    'data.train': dict | Sequence[dict],
    'data.val': dict | Sequence[dict],
    'data.test': dict | Sequence[dict],
}

MAY_BE_ABSENT = {
    'seed',
    'evaluation.samples_per_gpu',
    'target_monitor.interval',
    'target_monitor.images',
    'data.train.rare_class_sampling.tries',
    'data.train.long_tail_paste.num_classes',
}

# Numbers that may be absent, and whether they may be 0.
NUMBERS: dict[str, bool] = {
    'dist_params.port': True,
    'checkpoint_config.minutes': False,
    'lr_config.warmup_iters': True,
    'lr_config.warmup_ratio': True,
    'lr_config.power': True,
    'lr_config.min_lr': True,
    'optimizer.lr': False,
    'optimizer_config.grad_clip.max_norm': False,
    'data.train.rare_class_sampling.min_pixels': True,
    'data.train.rare_class_sampling.class_temp': False,
    'data.train.rare_class_sampling.min_crop_ratio': True,
    'data.train.long_tail_paste.min_pixels': True,
    'data.train.long_tail_paste.min_crop_ratio': True,
    'target_monitor.held_out': True,
}

# All classes alike.
MAY_BE_INFINITE = {'data.train.rare_class_sampling.class_temp'}


def complete(values: dict[str, Any], *, name: str, purpose: Purpose = 'train') -> dict[str, Any]:
    """``values`` with :data:`DEFAULTS` for what is absent; a section that is there gets its missing keys too.

    For testing, data to test on are described as those of training are, where the config does not describe any.
    """
    filled = dict(values)
    for section in NONE_IS_DEFAULT:
        filled = _without_none(filled, section.split('.'))
    for key, default in DEFAULTS.items():
        if key not in filled or (filled[key] is None and key not in OPTIONAL):
            filled[key] = copy.deepcopy(default)
        elif isinstance(default, dict) and isinstance(filled[key], dict):
            filled[key] = copy.deepcopy(default) | filled[key]
    filled['name'] = filled['name'] or name
    if isinstance(filled.get('data'), dict):
        counts = {'samples_per_gpu': 2, 'workers_per_gpu': default_workers(filled['n_gpus'])}
        absent = {key: count for key, count in counts.items() if filled['data'].get(key) is None}
        filled['data'] = {**filled['data'], **absent}
        if purpose == 'test' and not filled['data'].get('test'):
            filled['data']['test'] = described_by_training(filled['data'])
    return filled


def _without_none(part: Any, path: Sequence[str]) -> Any:
    """A copy of ``part`` in which the dict at ``path``, if there is one, has no keys whose value is None."""
    if not isinstance(part, dict):
        return part
    if not path:
        return {key: value for key, value in part.items() if value is not None}
    first, *rest = path
    return {**part, first: _without_none(part[first], rest)} if first in part else part


def refuse_other_schemas(values: dict[str, Any]) -> None:
    """Name a config that is written for mmsegmentation 1.x.

    Raises:
        InputError: with what its keys are called here.
    """
    foreign = [key for key in OF_MMSEG_1 if key in values]
    model = values.get('model')
    if len(foreign) > 1 or (isinstance(model, dict) and 'data_preprocessor' in model):
        raise InputError(
            f'This is a config of mmsegmentation 1.x (it has {", ".join(foreign) or "model.data_preprocessor"}); here '
            'configs have the form of 0.x: data=dict(samples_per_gpu=..., train=..., val=..., test=...) for the '
            'dataloaders, Normalize in the pipelines for data_preprocessor, optimizer and optimizer_config for '
            'optim_wrapper, lr_config for param_scheduler, runner=dict(max_iters=...) for train_cfg, evaluation for '
            'val_evaluator.'
        )


def validate(values: dict[str, Any], purpose: Purpose) -> list[str]:
    """Check a completed config; returns what is wrong but does not matter for ``purpose``.

    Raises:
        InputError: what is wrong and matters, all of it in one message.
    """
    errors = [*_missing(values, purpose), *_not_dicts(values, DICTS if purpose == 'train' else {'model', 'data'})]
    if errors:
        raise InputError(' '.join(errors))
    not_dicts = [*_not_dicts(values, DICTS)]
    if not_dicts:  # for testing; the other checks look into them
        return not_dicts
    elsewhere = [*_misspelt(values), *_unknown(values), *_bad_values(values), *_bad_names(values), *_at_odds(values)]
    elsewhere += _without_effect(values)
    if purpose == 'test':
        return elsewhere
    if elsewhere:
        raise InputError(' '.join(elsewhere))
    return []


def _missing(values: dict[str, Any], purpose: Purpose) -> Iterator[str]:
    for key in REQUIRED[purpose]:
        if value_at(values, key) in (None, [], ()):
            yield f'The config has no {key!r}, which is needed.{nearest(key, values)}'
    for key in ('model', 'uda', 'optimizer', 'runner'):
        part = values.get(key)
        if isinstance(part, dict) and 'type' not in part and (purpose == 'train' or key == 'model'):
            yield f"{key!r} has no 'type'; it holds {sorted(part)}."


def _not_dicts(values: dict[str, Any], keys: set[str]) -> Iterator[str]:
    for key in sorted(keys):
        value = value_at(values, key)
        if value is not None and not isinstance(value, dict):
            yield f'{key!r} has to be a dict, not {shown(value)}.'


def _misspelt(values: dict[str, Any]) -> Iterator[str]:
    for key in sorted(map(str, values.keys() - TOP_LEVEL - USER_VARIABLES)):
        like = difflib.get_close_matches(key, TOP_LEVEL, n=1, cutoff=MISSPELT)
        if like and not key.startswith('name_'):
            yield f'Unknown key {key!r}. Did you mean {like[0]!r}? (A variable of your own needs another name.)'


def _unknown(values: dict[str, Any]) -> Iterator[str]:
    for section, known in SECTIONS.items():
        part = value_at(values, section)
        for key in sorted(part.keys() - known, key=str) if isinstance(part, dict) else ():
            yield f'Unknown key {section}.{key}.{nearest(str(key), known)} Known: {", ".join(sorted(known))}.'


def _bad_values(values: dict[str, Any]) -> Iterator[str]:
    for key, choices in CHOICES.items():
        value, section = value_at(values, key), key.rpartition('.')[0]
        if value not in choices and not (section in OPTIONAL and values.get(section) is None):
            yield f'{key} is {value!r}, not one of {", ".join(map(repr, choices))}.'
    for key, least in AT_LEAST.items():
        value = value_at(values, key)
        section, _, _ = key.rpartition('.')
        if value is None and (key in MAY_BE_ABSENT or (section and value_at(values, section) is None)):
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            yield f'{key} has to be a whole number of at least {least}, not {value!r}.'
    port = value_at(values, 'dist_params.port')
    if port is not None and not (isinstance(port, int) and 0 <= port <= 65535):
        yield f'dist_params.port has to be a whole number in 0..65535 (0: a free one), not {port!r}.'
    for key, zero in NUMBERS.items():
        value = value_at(values, key)
        number = fits(value, float) and (math.isfinite(value) or key in MAY_BE_INFINITE)
        if value is not None and not (number and (value >= 0 if zero else value > 0)):
            yield f'{key} has to be a number {"of at least 0" if zero else "above 0"}, not {value!r}.'
    for key in ('log_config.hooks', 'custom_hooks'):
        hooks = value_at(values, key)
        listed = fits(hooks, Sequence[dict])
        if hooks is not None and not (listed and all(isinstance(hook.get('type'), str) for hook in hooks)):
            yield f"{key} has to be a list of dicts with the name of a hook as 'type', not {shown(hooks)}."
    for key, hint in TYPES.items():
        value = value_at(values, key)
        if value is not None and not fits(value, hint):
            yield f'{key} has to be {in_words(hint)}, not {shown(value)}.'


def _bad_names(values: dict[str, Any]) -> Iterator[str]:
    """Folders and files of a run are called by these, and lines of job scripts hold them."""
    for key in ('exp', 'name'):
        if reason := unfit_as_name(values.get(key)):
            yield f'{key}={values.get(key)!r} cannot be part of a file name: {reason}.'


def _without_effect(values: dict[str, Any]) -> Iterator[str]:
    """Settings that would do nothing here."""
    flow = values.get('workflow')
    parts = flow if isinstance(flow, list | tuple) else []
    steps = [part[0] for part in parts if isinstance(part, list | tuple) and part]
    if set(steps) - {'train'}:
        yield (
            f"workflow={flow!r}: there is training alone, [('train', 1)]; data.val is evaluated every "
            'evaluation.interval iterations.'
        )


def _at_odds(values: dict[str, Any]) -> Iterator[str]:
    """Settings that only work together with one of another section, as the parts say themselves."""
    for check in rules.CHECKS:
        yield from check(values)
