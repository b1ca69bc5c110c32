"""Which parameters learn, at which rate and decay: the groups of an optimizer, in as few as the config allows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import nn

from mmseg.config.values import NotNegative, Share
from mmseg.errors import InputError, nearest
from mmseg.models.networks import Role, networks_of

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


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
            refuse_unknown(rule, {'lr_mult', 'decay_mult'}, f'optimizer.paramwise_cfg.custom_keys[{key!r}]')

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


def refuse_unknown(given: dict, known: set[str], where: str) -> None:
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
