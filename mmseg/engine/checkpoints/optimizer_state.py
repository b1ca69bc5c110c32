"""Whether the saved state of an optimizer belongs to this run's: going on with another one's would go wrong unsaid."""

from typing import Any

from torch import Tensor, nn

from mmseg.config.values import NotNegative, fits, shown
from mmseg.errors import InputError

#: what a parameter group is updated with, and does not change in a run
SETTINGS = {'initial_lr', 'weight_decay', 'betas', 'eps', 'momentum', 'dampening', 'nesterov', 'amsgrad'}
#: how an optimizer works, which is for this machine and this config to say
WAYS = {'maximize', 'foreach', 'fused', 'capturable', 'differentiable', 'decoupled_weight_decay'}
#: what optimizers keep of a parameter, in its shape
MOMENTS = {'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'momentum_buffer'}


def fitting_state(groups: list[dict], saved: dict[str, Any]) -> dict[str, Any]:
    """The ``saved`` state of the optimizer with these ``groups``, to be loaded; it works as they say (:data:`WAYS`).

    Raises:
        InputError: it has other settings.
        ValueError: it is that of other parameters, or damaged.
    """
    _refuse_other_settings(groups, saved['param_groups'])
    _refuse_other_order(groups, saved)
    _refuse_other_shapes([parameter for group in groups for parameter in group['params']], saved)
    theirs = [
        {**old, **{key: now[key] for key in WAYS & now.keys()}}
        for now, old in zip(groups, saved['param_groups'], strict=True)
    ]
    return {**saved, 'param_groups': theirs}


def lacks_moments(groups: list[dict], saved: dict) -> bool:
    """Whether a state that was saved after steps holds nothing of an optimizer that keeps moments.

    The scaling of fp16 may have passed over all steps so far.
    """
    keeps = any('betas' in group or group.get('momentum') for group in groups)
    return keeps and not saved.get('state') and not saved.get('loss_scaler')


def _refuse_other_order(groups: list[dict], saved: dict) -> None:
    """Refuse a state whose groups are not ``groups``, with the parameters in the order in which they are numbered.

    Raises:
        ValueError: torch would give a parameter the state of another, or none.
    """
    count = sum(len(group['params']) for group in groups)
    if [len(group['params']) for group in groups] != [len(group['params']) for group in saved['param_groups']]:
        raise ValueError('its optimizer has other groups of parameters (paramwise_cfg)')
    numbers = [number for group in saved['param_groups'] for number in group['params']]
    strange = saved['state'].keys() - set(range(count))
    if strange:
        raise ValueError(f'its optimizer has a state of parameter {min(strange)}, of {count}')
    if numbers != list(range(count)):
        raise ValueError(f'its optimizer has other parameters than 0..{count - 1}')
    for group in saved['param_groups']:
        if not fits(group.get('lr'), NotNegative):
            raise ValueError(f'the learning rate of its optimizer is {shown(group.get("lr"))}')


def _refuse_other_shapes(parameters: list[nn.Parameter], saved: dict) -> None:
    """Refuse moments of other parameters: torch takes them over, and fails in the first step.

    Raises:
        ValueError: names the first.
    """
    for number, values in saved['state'].items():
        shape = parameters[number].shape
        for name in MOMENTS & values.keys():
            value = values[name]
            if value is None and name != 'exp_avg':
                continue
            if not isinstance(value, Tensor) or value.shape != shape:
                described = tuple(value.shape) if isinstance(value, Tensor) else shown(value)
                raise ValueError(f'{name} of parameter {number} is {described}, not {tuple(shape)}')
            if (
                not value.is_floating_point() or value.untyped_storage().nbytes() < value.nbytes
            ):  # it would be written beyond its memory
                raise ValueError(f'{name} of parameter {number} holds no plain numbers ({value.dtype}, {value.layout})')
        step = values.get('step', 0)
        single = not isinstance(step, Tensor) or (step.numel() == 1 and not step.is_meta)
        if not single or not fits(float(step), NotNegative):
            raise ValueError(f'the step of parameter {number} is {shown(step)}')


def _refuse_other_settings(groups: list[dict], saved: list[dict]) -> None:
    """Refuse to go on with other settings than those of the config: loading would bring back the old ones unsaid.

    Raises:
        InputError: names the first that differs.
    """
    for mine, theirs in zip(groups, saved, strict=False):
        for key in SETTINGS & mine.keys() & theirs.keys():
            now, then = (tuple(v) if isinstance(v, list | tuple) else v for v in (mine[key], theirs[key]))
            if now != then:
                name = 'lr' if key == 'initial_lr' else key
                raise InputError(
                    f'The optimizer had {name}={then} in the checkpoint and has {now} in the config: a run is resumed '
                    'with its own settings. To train on with others start a new one: --cfg-options load_from=FILE.'
                )


def with_settings_of(groups: list[dict], saved: dict[str, Any]) -> dict[str, Any]:
    """The ``saved`` state of an optimizer of the same kind, to go on with the settings of ``groups``.

    Raises:
        InputError: the parameters are in other groups, so that their state would be another one's.
    """
    theirs = saved['param_groups']
    if [len(group['params']) for group in groups] != [len(group['params']) for group in theirs]:
        raise InputError('The optimizer has other groups of parameters than in the checkpoint (paramwise_cfg).')
    parameters = [parameter for group in groups for parameter in group['params']]
    for number, values in saved.get('state', {}).items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.dim() and value.shape != parameters[number].shape:
                raise InputError(f'{name} of parameter {number} has another shape in the checkpoint (paramwise_cfg).')
    present = [
        {**old, **{key: now[key] for key in SETTINGS & now.keys()}} for now, old in zip(groups, theirs, strict=True)
    ]
    return {**saved, 'param_groups': present}
