"""Activation functions by their config."""

from torch import nn

from mmseg.errors import InputError, nearest

ACTIVATIONS: dict[str, type[nn.Module]] = {
    kind.__name__: kind
    for kind in (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ReLU6, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh)
}
IN_PLACE = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.ELU)


def build_activation(cfg: dict) -> nn.Module:
    """``dict(type='ReLU', ...)`` -> module; rectifiers work in place unless the config says otherwise."""
    arguments = dict(cfg)
    kind = arguments.pop('type', None)
    if kind not in ACTIVATIONS:
        raise InputError(f'act_cfg: {kind!r} is not a known activation.{nearest(str(kind), ACTIVATIONS)}')
    if issubclass(ACTIVATIONS[kind], IN_PLACE):
        arguments.setdefault('inplace', True)
    return ACTIVATIONS[kind](**arguments)
