"""Which weights of a network were read from a file, and so can be read again."""

from collections.abc import Iterable

from torch import nn

NAMES = 'names_read_from_file'


def mark_read(module: nn.Module, names: Iterable[str]) -> None:
    """Remember that the entries ``names`` of the state of ``module`` were read from a file."""
    setattr(module, NAMES, frozenset(names))


def read_names(network: nn.Module) -> set[str]:
    """Names of the entries in the state of ``network`` that a file gave to it or to a part of it."""
    return {
        f'{path}.{name}' if path else name
        for path, module in network.named_modules()
        for name in getattr(module, NAMES, ())
    }
