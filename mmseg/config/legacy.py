"""Old spellings in configs -> today's, by explicit tables, where configs are read and nowhere else.

Here are those of the schema and of networks; a method, or whatever else is a part of its own, brings those of its keys
(:mod:`mmseg.config.rules`).

Configs of mmseg 0.x, of the published DAFormer runs and of code bases built on them load unmodified. A key in
:data:`DEAD` never had, or no longer has, an effect on the result; everything that would change the result is an
error with the way out.
"""

import fnmatch
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mmseg.config import rules
from mmseg.config.label_ids import IGNORE
from mmseg.config.rules import Dead
from mmseg.errors import InputError


def _is_mit(backbone: dict) -> bool:
    return str(backbone.get('type', '')).startswith(('mit_', 'MixVisionTransformer'))


def _is_false(key: str) -> Callable[[dict], bool]:
    return lambda parent: not parent[key]


DEAD: tuple[Dead, ...] = (
    Dead('model.backbone', 'style', 'a choice of ResNet, MiT has none', _is_mit),
    Dead('model.backbone', 'ema_drop_path_rate', 'the teacher never drops paths'),
    Dead('model.decode_head*.fusion_cfg', 'fusion', 'fusion_cfg.type says it'),
    Dead('model.train_cfg', 'work_dir', 'networks know no files'),
    Dead('model.train_cfg', 'log_config', 'networks know no logging'),
    Dead(
        'model.*loss_decode*', 'ignore_index', 'the head hands on its own', lambda loss: loss['ignore_index'] == IGNORE
    ),
    Dead('uda', 'model', 'a copy of model'),
    Dead('uda', 'max_iters', 'a copy of runner.max_iters'),
    Dead('optimizer', 'constructor', 'there is one', lambda optimizer: 'Default' in str(optimizer['constructor'])),
    Dead('optimizer.paramwise_cfg.custom_keys', 'pos_block', 'no parameter of any network here has it in its name'),
    Dead('optimizer_config', 'loss_scale', 'found while training; precision says whether it is needed'),
    Dead('data', 'persistent_workers', 'workers always persist'),
    Dead('data', 'pin_memory', 'memory is pinned where there is a GPU'),
    Dead('lr_config', 'warmup_by_epoch', 'warm-up is by iteration', _is_false('warmup_by_epoch')),
    Dead('evaluation', 'by_epoch', 'evaluation is by iteration', _is_false('by_epoch')),
    Dead('evaluation', 'efficient_test', 'predictions are never kept'),
    Dead('evaluation', 'pre_eval', 'predictions are never kept'),
    Dead('evaluation', 'gpu_collect', 'predictions are never collected'),
    Dead('checkpoint_config', 'create_symlink', 'latest.pth is always there'),
    Dead('checkpoint_config', 'save_last', 'the last iteration is always saved'),
    Dead('checkpoint_config', 'meta', 'the run writes its own'),
    Dead('', 'fp16', 'had no effect without an optimizer hook; precision="fp16" or "bf16" has one'),
    Dead('', 'gpu_ids', 'the machine is asked'),
)

RENAMED_TYPES = {'UniHead': 'DAFormerHead'}

# Values that JSON can only hold as lists.
TUPLES = {'img_scale', 'crop_size', 'ratio_range', 'size', 'stride', 'betas', 'dilations', 'down_factor'}


class Translation(NamedTuple):
    """What was done to a config, and what could not be: settings that meant something and have no counterpart."""

    notes: list[str]
    refused: list[str]


def modernise(values: dict[str, Any]) -> Translation:
    """Bring ``values`` (a resolved config, changed in place) to today's spelling.

    There is one short note per change; lists that JSON holds for tuples are not worth one.
    """
    notes, refused = [], []
    for change in (*CHANGES, *rules.CHANGES):
        try:
            notes += change(values)
        except InputError as error:
            refused.append(str(error))
    for path, part in list(_dicts(values)):
        for row in (*DEAD, *rules.DEAD):
            if row.key in part and fnmatch.fnmatchcase(path, row.where) and row.applies(part):
                del part[row.key]
                notes.append(f'{path}.{row.key} dropped ({row.why})'.lstrip('.'))
        old = part.get('type')
        if isinstance(old, str) and old in RENAMED_TYPES:
            part['type'] = RENAMED_TYPES[old]
            notes.append(f'{path}.type {old} is now {part["type"]}')
        for key in TUPLES & part.keys():
            part[key] = _as_tuple(part[key])
    return Translation(notes, refused)


def _dicts(value: Any, path: str = '') -> Iterator[tuple[str, dict]]:
    """Every dict inside ``value`` with its dotted path, outer before inner; list elements go by number."""
    if isinstance(value, dict):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in items:
        yield from _dicts(item, f'{path}.{key}'.lstrip('.'))


def _as_tuple(value: Any) -> Any:
    """``[h, w]`` -> ``(h, w)``; a list of such pairs stays a list, of tuples."""
    if not isinstance(value, list):
        return value
    if value and all(isinstance(item, list | tuple) for item in value):
        return [tuple(item) for item in value]
    return tuple(value)


def _total_iters(values: dict[str, Any]) -> list[str]:
    if 'total_iters' not in values:
        return []
    iters = values.pop('total_iters')
    if values.get('runner'):
        return [f'total_iters={iters} dropped (beside a runner it never had an effect)']
    values['runner'] = {'type': 'IterBasedRunner', 'max_iters': iters}
    return ['total_iters is now runner.max_iters']


def _settings_beside_the_model(values: dict[str, Any]) -> list[str]:
    """The oldest configs have ``train_cfg`` and ``test_cfg`` at the top level."""
    notes = []
    for key in ('train_cfg', 'test_cfg'):
        if key in values and isinstance(values.get('model'), dict):
            beside = values.pop(key)
            if values['model'].setdefault(key, beside) != beside:
                raise InputError(
                    f'{key} is set beside the model ({beside}) and in it ({values["model"][key]}): keep model.{key}.'
                )
            notes.append(f'{key} is now model.{key}')
    return notes


def _optimizer_hooks(values: dict[str, Any]) -> list[str]:
    """Optimizer hooks by type: each is a key of its own now."""
    config = values.get('optimizer_config')
    if not isinstance(config, dict):
        return []
    hook = config.pop('type', 'OptimizerHook')
    if hook == 'OptimizerHook':
        return []
    if hook == 'Fp16OptimizerHook':
        return [_of_hook(values, hook, 'precision', 'fp16')]
    if hook == 'GradientCumulativeOptimizerHook':
        return [_of_hook(values, hook, 'accumulate', config.pop('cumulative_iters', 1))]
    config.clear()
    raise InputError(f'optimizer_config.type={hook!r} is not known: use precision and accumulate.')


def _of_hook(values: dict[str, Any], hook: str, key: str, value: Any) -> str:
    """Give the ``key`` the value that an optimizer hook stands for; the note.

    Raises:
        InputError: it has another one already.
    """
    if values.setdefault(key, value) != value:
        raise InputError(
            f'optimizer_config.type {hook} means {key}={value!r}, but {key}={values[key]!r} is set too: keep that one.'
        )
    return f'optimizer_config.type {hook} is now {key}={value!r}'


def _same_as_embed_cfg(values: dict[str, Any]) -> list[str]:
    notes = []
    for path, part in _dicts(values):
        if part.get('embed_neck_cfg') == 'same_as_embed_cfg':
            part['embed_neck_cfg'] = dict(part['embed_cfg'])
            notes.append(f'{path}.embed_neck_cfg written out')
    return notes


def _one_output(values: dict[str, Any]) -> list[str]:
    """Heads of one output for two classes: the softmax of (0, s) is the sigmoid of s, so no loss need be told."""
    notes = []
    for path, part in _dicts(values.get('model') or {}, 'model'):
        if part.get('out_channels') != 1 or 'num_classes' not in part:
            continue
        losses = part.get('loss_decode')
        for loss in losses if isinstance(losses, list | tuple) else [losses]:
            if not isinstance(loss, dict) or loss.get('type') != 'CrossEntropyLoss' or loss.get('class_weight'):
                continue
            if loss.pop('use_sigmoid', False):
                notes.append(f'{path}.loss_decode.use_sigmoid dropped (the softmax of one output is its sigmoid)')
        if 'threshold' in part and part.pop('threshold') not in (None, 0.5):
            raise InputError(f'{path}.threshold: a pixel is of the more probable class here (0.5): leave it out.')
    return notes


CHANGES: tuple[Callable[[dict[str, Any]], list[str]], ...] = (
    _total_iters,
    _settings_beside_the_model,
    _optimizer_hooks,
    _same_as_embed_cfg,
    _one_output,
)
