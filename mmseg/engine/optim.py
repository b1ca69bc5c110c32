"""Optimizer of the student from the ``optimizer`` part of a config, in as few parameter groups as it allows."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIMIZERS
from torch import Tensor, nn

from mmseg.arithmetic import DTYPES
from mmseg.config.components import told_with_place
from mmseg.config.values import NotNegative, Positive, Share, fits, in_words, shown
from mmseg.engine.gradient_exchange import GradientExchange
from mmseg.engine.joint_optimizer import JointOptimizer, members_of, parameters_of
from mmseg.engine.layout import lay_out_moments
from mmseg.errors import InputError, nearest
from mmseg.models.half_weights import HalfWeights
from mmseg.models.networks import Role, networks_of
from mmseg.registry import accepted_arguments, build, check_arguments

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
#: what a parameter group is updated with, and does not change in a run
SETTINGS = {'initial_lr', 'weight_decay', 'betas', 'eps', 'momentum', 'dampening', 'nesterov', 'amsgrad'}
#: how an optimizer works, which is for this machine and this config to say
WAYS = {'maximize', 'foreach', 'fused', 'capturable', 'differentiable', 'decoupled_weight_decay'}
#: what optimizers keep of a parameter, in its shape
MOMENTS = {'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'momentum_buffer'}


class Multipliers(NamedTuple):
    """What a parameter's learning rate and weight decay are multiplied with."""

    lr: float = 1.0
    decay: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ParamwiseRules:
    """Which parameters learn or decay differently (``optimizer.paramwise_cfg``).

    Args:
        custom_keys: substring of a parameter's full name -> ``dict(lr_mult=…, decay_mult=…)``. Longer keys
            are tried first, then in alphabetical order; the first that is found decides, alone.
        norm_decay_mult: weight decay of normalisation layers that no custom key names.
        bias_lr_mult: learning rate of biases that no custom key names, those of norms excepted.
        bias_decay_mult: weight decay of the same biases.
        layer_decay: learning rate of an encoder's block, as a share of that of the block behind it; the last one has
            the rate that the other rules give. The stem is one step below the first block (BEiT, Bao et al., 2022).
    """

    custom_keys: dict[str, dict[str, NotNegative]] = field(default_factory=dict)
    norm_decay_mult: NotNegative = 1.0
    bias_lr_mult: NotNegative = 1.0
    bias_decay_mult: NotNegative = 1.0
    layer_decay: Share = 1.0

    def __post_init__(self) -> None:
        for key, rule in self.custom_keys.items():
            _refuse_unknown(rule, {'lr_mult', 'decay_mult'}, f'optimizer.paramwise_cfg.custom_keys[{key!r}]')

    def custom_key(self, name: str) -> str | None:
        """The custom key that decides over the parameter of this full name."""
        ordered = sorted(sorted(self.custom_keys), key=len, reverse=True)
        return next((key for key in ordered if key in name), None)

    def multipliers(self, name: str, owner: nn.Module) -> Multipliers:
        """Of the parameter with this full name, which is a direct parameter of ``owner``."""
        key = self.custom_key(name)
        if key is not None:
            rule = self.custom_keys[key]
            return Multipliers(rule.get('lr_mult', 1.0), rule.get('decay_mult', 1.0))
        if isinstance(owner, NORMS):
            return Multipliers(decay=self.norm_decay_mult)
        if name.rsplit('.', 1)[-1] == 'bias':
            return Multipliers(self.bias_lr_mult, self.bias_decay_mult)
        return Multipliers()


def _refuse_unknown(given: dict, known: set[str], where: str) -> None:
    for name in given.keys() - known:
        raise InputError(f'{where} has no key {name!r}.{nearest(name, known)} Known: {", ".join(sorted(known))}.')


def trained_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, nn.Module]]:
    """(full name, parameter, module it belongs to) of everything that descends, once each.

    A method's networks that do not learn, or have an optimizer of their own, are left out.
    """
    others = [n.module for n in networks_of(model) if n.role is not Role.LEARNS or n.optimizer is not None]
    seen = {id(parameter) for module in others for parameter in module.parameters()}
    for path, module in model.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                yield (f'{path}.{leaf}' if path else leaf), parameter, module


def param_groups(model: nn.Module, *, lr: float, weight_decay: float, rules: ParamwiseRules) -> list[dict[str, Any]]:
    """One group for each distinct pair of multipliers, in order of first appearance."""
    groups: dict[Multipliers, list[nn.Parameter]] = {}
    depths = block_depths(model) if rules.layer_decay < 1 else {}
    deepest = max(depths.values(), default=0)
    for name, parameter, owner in trained_parameters(model):
        scale = rules.multipliers(name, owner)
        if name in depths:
            scale = scale._replace(lr=scale.lr * rules.layer_decay ** (deepest - depths[name]))
        groups.setdefault(scale, []).append(parameter)
    return [
        {
            'params': members,
            'lr': lr * scale.lr,
            'initial_lr': lr * scale.lr,
            'weight_decay': weight_decay * scale.decay,
        }
        for scale, members in groups.items()
    ]


def block_depths(model: nn.Module) -> dict[str, int]:
    """Full name -> depth of the parameters of every encoder that learns, see :meth:`Backbone.block_depths`.

    Raises:
        InputError: an encoder does not say where its blocks are.
    """
    depths: dict[str, int] = {}
    for network in networks_of(model):
        encoder: Any = getattr(network.module, 'backbone', None)
        if network.role is Role.LEARNS and encoder is not None:
            prefix = f'{network.name}.backbone.' if network.name else 'backbone.'
            depths |= {f'{prefix}{name}': depth for name, depth in encoder.block_depths().items()}
    return depths


def rates_by_depth(model: nn.Module, groups: list[dict[str, Any]]) -> list[str]:
    """The learning rates of the stem and of every block of the encoder, one line each, as the log lists them."""
    rates = {id(parameter): group['initial_lr'] for group in groups for parameter in group['params']}
    depths = block_depths(model)
    found: dict[int, set[float]] = {}
    for name, parameter, _ in trained_parameters(model):
        if name in depths:
            found.setdefault(depths[name], set()).add(rates[id(parameter)])
    return [
        f'{f"block {depth}" if depth else "stem"}: {", ".join(f"{rate:.3g}" for rate in sorted(found[depth]))}'
        for depth in sorted(found)
    ]


def learning_share(model: nn.Module) -> tuple[int, int]:
    """Numbers that learn, and numbers in all, of what descends; a method's other networks are left out."""
    others = [network.module for network in networks_of(model) if network.role is not Role.LEARNS]
    excluded = {id(parameter) for module in others for parameter in module.parameters()}
    parameters = [parameter for parameter in model.parameters() if id(parameter) not in excluded]
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def unmatched_keys(model: nn.Module, optimizer: dict) -> list[str]:
    """Custom keys that are in no parameter's name: typing errors, or meant for another network."""
    keys = (optimizer.get('paramwise_cfg') or {}).get('custom_keys', {})
    names = [name for name, _, _ in trained_parameters(model)]
    return sorted(key for key in keys if not any(key in name for name in names))


def build_optimizer(model: nn.Module, cfg: dict) -> torch.optim.Optimizer:
    """The optimizer that the config's ``optimizer`` describes, over the trained parameters of ``model``.

    The fused implementation is taken where the optimizer and the device have one (``fused=False`` to refuse).

    Raises:
        InputError: unknown optimizer, argument, or ``paramwise_cfg`` key, or a value that one does not take; no ``lr``.
    """
    arguments = dict(cfg)
    paramwise = dict(arguments.pop('paramwise_cfg', None) or {})
    told_with_place('optimizer.paramwise_cfg', lambda: check_arguments(ParamwiseRules, paramwise))
    numbers = {'lr': arguments.get('lr'), 'weight_decay': arguments.get('weight_decay', 0.0)}
    for key, value in numbers.items():
        if not fits(value, NotNegative):
            raise InputError(f'optimizer.{key} must be {in_words(NotNegative)}, not {shown(value)}.')
    groups = param_groups(model, **numbers, rules=ParamwiseRules(**paramwise))
    if not groups:
        raise InputError('Nothing to train: no parameter of the model requires a gradient.')
    kind = OPTIMIZERS.get(str(arguments.get('type', '')))
    if kind is not None and 'fused' in (accepted_arguments(kind) or ()) and 'foreach' not in arguments:
        devices = {parameter.device.type for group in groups for parameter in group['params']}
        arguments.setdefault('fused', devices <= {'cpu', 'cuda'})
    return told_with_place('optimizer', lambda: build(arguments, OPTIMIZERS, {'params': groups}))


def build_optimizers(model: nn.Module, cfg: dict) -> torch.optim.Optimizer:
    """As :func:`build_optimizer`, together with those of the method's networks that have one of their own."""
    own = [build_optimizer(n.module, dict(n.optimizer)) for n in networks_of(model) if n.optimizer is not None]
    first = build_optimizer(model, cfg)
    return JointOptimizer([first, *own]) if own else first


@dataclass(frozen=True, kw_only=True)
class GradClip:
    """Gradients are scaled so that their norm is at most ``max_norm`` (``optimizer_config.grad_clip``)."""

    max_norm: Positive
    norm_type: float = 2.0

    def __post_init__(self) -> None:
        if self.norm_type <= 0:
            raise InputError(f'norm_type={self.norm_type} is no norm: it has to be above 0 (2; inf is the largest).')


class StudentOptimWrapper(OptimWrapper):
    """Precision, gradient exchange and clipping around an optimizer, without reading anything from the device.

    Of a :class:`JointOptimizer`, the gradients of each member are clipped by their own norm.

    Args:
        optimizer: what moves the student.
        precision: 'fp32', or 'bf16' / 'fp16' to autocast the forward and loss phases (``optim_context``).
            fp16 scales the loss, which needs a GPU.
        accumulate: iterations whose mean gradient makes one step. ``update_params`` keeps to it; a UDA method
            counts by itself.
        clip_grad: arguments of ``torch.nn.utils.clip_grad_norm_``, or None.
        exchange: what averages the gradients of several processes; by default in the order of the optimizer.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        precision: str = 'fp32',
        accumulate: int = 1,
        clip_grad: dict | None = None,
        exchange: GradientExchange | None = None,
    ) -> None:
        super().__init__(optimizer, accumulative_counts=accumulate)
        self.base_param_settings = None  # a group without parameters that the engine adds to report a rate
        if precision not in DTYPES:
            raise InputError(f'precision={precision!r} is not one of {", ".join(DTYPES)}.')
        self.dtype = DTYPES[precision]
        self.clip_grad = clip_grad
        self.device_type = optimizer.param_groups[0]['params'][0].device.type
        if precision == 'fp16' and self.device_type != 'cuda':
            raise InputError("precision='fp16' needs a GPU; on a CPU use 'bf16' or 'fp32'.")
        self._halves: dict[nn.Module, HalfWeights] = {}
        self._exchange = exchange or GradientExchange(self._parameters())
        self._step_follows = False  # in this iteration
        self.scaler = torch.amp.GradScaler('cuda', enabled=precision == 'fp16')

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Around every forward and loss: autocast, with the weights of all networks cast at once.

        A ``model`` that counts by itself is asked by ``ends_accumulation()`` whether a step ends the iteration.
        """
        method: Any = model
        self._step_follows = method.ends_accumulation() if hasattr(method, 'ends_accumulation') else self.should_sync()
        if self.dtype is torch.float32:
            yield
            return
        with torch.autocast(self.device_type, self.dtype), ExitStack() as stack:
            for network in networks_of(model):
                learns = network.role is Role.LEARNS
                if learns and not torch.is_grad_enabled():
                    continue  # it is not asked
                if network.module not in self._halves:
                    self._halves[network.module] = HalfWeights(network.module, self.dtype)
                stack.enter_context(self._halves[network.module].put_in(learns=learns))
            yield

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """Continue counting at ``init_counts``; unlike the engine's, gradients that wait are there after a resume."""
        self._inner_count, self._max_counts = init_counts, max_counts
        self._remainder_counts = max_counts % self._accumulative_counts

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Add the gradients of ``loss`` to those that are there: in a few launches, not in one for each parameter."""
        earlier = {id(p): (p, p.grad) for p in self._parameters() if p.grad is not None}
        for parameter, _ in earlier.values():
            parameter.grad = None

        def add_earlier(parameters: Sequence[nn.Parameter]) -> None:
            add_gradients([earlier.pop(id(p)) for p in parameters if id(p) in earlier])

        with self._exchange.going_back(add_earlier, step_follows=self._step_follows):
            self.scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1
        add_gradients(list(earlier.values()))

    def step(self, **kwargs: Any) -> None:
        self._exchange.finish()
        if self.clip_grad:
            self.scaler.unscale_(self.optimizer)
            for member in members_of(self.optimizer):
                nn.utils.clip_grad_norm_(parameters_of(member), **self.clip_grad)
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()

    def _parameters(self) -> list[nn.Parameter]:
        return parameters_of(self.optimizer)

    def state_dict(self) -> dict:
        """State of the optimizer, of the fp16 loss scaling, and gradients that wait for more to be added."""
        state = {**self.optimizer.state_dict(), 'loss_scaler': self.scaler.state_dict()}
        if self._accumulative_counts > 1:
            state['gradients'] = [parameter.grad for parameter in self._parameters()]
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        state = dict(state_dict)
        _refuse_other_settings(self.param_groups, state['param_groups'])
        _refuse_other_order(self.param_groups, state)
        _refuse_other_shapes(self._parameters(), state)
        state['param_groups'] = [
            {**old, **{key: now[key] for key in WAYS & now.keys()}}
            for now, old in zip(self.param_groups, state['param_groups'], strict=True)
        ]
        for parameter, gradient in zip(self._parameters(), state.pop('gradients', ()), strict=False):
            parameter.grad = None if gradient is None else torch.empty_like(parameter).copy_(gradient)
        scaling = state.pop('loss_scaler', None)
        if scaling and self.scaler.is_enabled():
            self.scaler.load_state_dict(scaling)
        self.optimizer.load_state_dict(state)
        for member in members_of(self.optimizer):
            lay_out_moments(member, MOMENTS)


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


@torch.no_grad()
def add_gradients(earlier: Sequence[tuple[nn.Parameter, Tensor]]) -> None:
    """Let each parameter have its ``earlier`` gradient too; sums are kept in the memory of the earlier ones."""
    both = [(kept, parameter.grad) for parameter, kept in earlier if parameter.grad is not None]
    if both:
        kept, new = zip(*both, strict=True)
        torch._foreach_add_(kept, new)
    for parameter, gradient in earlier:
        parameter.grad = gradient


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


def clipping(optimizer_config: dict | None) -> dict | None:
    """The arguments of ``torch.nn.utils.clip_grad_norm_`` that the config's ``optimizer_config`` gives, if any.

    Raises:
        InputError: an unknown key, or a value that it does not take.
    """
    _refuse_unknown(dict(optimizer_config or {}), {'grad_clip', 'type'}, 'optimizer_config')
    grad_clip = (optimizer_config or {}).get('grad_clip')
    if grad_clip is None:
        return None
    return told_with_place('optimizer_config.grad_clip', lambda: asdict(build({'type': GradClip, **grad_clip})))


def build_optim_wrapper(
    model: nn.Module,
    optimizer: dict,
    *,
    optimizer_config: dict | None = None,
    precision: str = 'fp32',
    accumulate: int = 1,
) -> StudentOptimWrapper:
    """Optimizer and wrapper from the config's keys of the same names."""
    clip_grad = clipping(optimizer_config)
    built = build_optimizers(model, optimizer)
    exchange = exchange_of(model, built)
    return StudentOptimWrapper(
        built, precision=precision, accumulate=accumulate, clip_grad=clip_grad, exchange=exchange
    )


def exchange_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> GradientExchange:
    """What averages the gradients of all that ``optimizer`` moves, in the order in which ``model`` registers them."""
    moved = parameters_of(optimizer)
    synchronised = any(isinstance(module, nn.SyncBatchNorm) for module in model.modules())
    learning = set(moved)
    registered = [parameter for parameter in model.parameters() if parameter in learning]
    return GradientExchange(list(dict.fromkeys([*registered, *moved])), overlap=not synchronised)
