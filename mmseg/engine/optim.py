"""Optimizer of the student from the ``optimizer`` part of a config, and how it takes a step."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIMIZERS
from torch import Tensor, nn

from mmseg.arithmetic import DTYPES
from mmseg.config.components import told_with_place
from mmseg.config.values import NotNegative, Positive, fits, in_words, shown
from mmseg.engine.checkpoints.optimizer_state import MOMENTS, fitting_state
from mmseg.engine.gradient_exchange import GradientExchange
from mmseg.engine.joint_optimizer import JointOptimizer, members_of, parameters_of
from mmseg.engine.layout import lay_out_moments
from mmseg.engine.param_groups import ParamwiseRules, param_groups, refuse_unknown
from mmseg.errors import InputError
from mmseg.models.half_weights import HalfWeights
from mmseg.models.networks import Role, networks_of
from mmseg.registry import accepted_arguments, build, check_arguments


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
        state = fitting_state(self.param_groups, state_dict)
        for parameter, gradient in zip(self._parameters(), state.pop('gradients', ()), strict=False):
            parameter.grad = None if gradient is None else torch.empty_like(parameter).copy_(gradient)
        scaling = state.pop('loss_scaler', None)
        if scaling and self.scaler.is_enabled():
            self.scaler.load_state_dict(scaling)
        self.optimizer.load_state_dict(state)
        for member in members_of(self.optimizer):
            lay_out_moments(member, MOMENTS)


@torch.no_grad()
def add_gradients(earlier: Sequence[tuple[nn.Parameter, Tensor]]) -> None:
    """Let each parameter have its ``earlier`` gradient too; sums are kept in the memory of the earlier ones."""
    both = [(kept, parameter.grad) for parameter, kept in earlier if parameter.grad is not None]
    if both:
        kept, new = zip(*both, strict=True)
        torch._foreach_add_(kept, new)
    for parameter, gradient in earlier:
        parameter.grad = gradient


def clipping(optimizer_config: dict | None) -> dict | None:
    """The arguments of ``torch.nn.utils.clip_grad_norm_`` that the config's ``optimizer_config`` gives, if any.

    Raises:
        InputError: an unknown key, or a value that it does not take.
    """
    refuse_unknown(dict(optimizer_config or {}), {'grad_clip', 'type'}, 'optimizer_config')
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
