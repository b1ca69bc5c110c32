"""Whether a value of a config is what a constructor's annotation says.

The constructor is the schema: what it takes is written once, as types, and as ranges with ``Annotated`` where a type is
not enough (``prob: Fraction``). A config is checked against both before anything is built.
"""

import math
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from reprlib import Repr
from typing import Annotated, Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True)
class Range:
    """The finite numbers from ``least`` to ``most``; ``above``: without ``least`` itself."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False

    def __contains__(self, value: Any) -> bool:
        within = self.least <= value <= self.most and not (self.above and value == self.least)
        return within and math.isfinite(value)

    def __str__(self) -> str:
        if (self.least, self.most) == (-math.inf, math.inf):
            return 'that is finite'
        if self.most < math.inf:
            return f'in {self.least:g}..{self.most:g}' + (f' without {self.least:g}' if self.above else '')
        return f'above {self.least:g}' if self.above else f'of at least {self.least:g}'


Finite = Annotated[float, Range()]
Fraction = Annotated[float, Range(0, 1)]
Share = Annotated[float, Range(0, 1, above=True)]
Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Count = Annotated[int, Range(1)]
Whole = Annotated[int, Range(0)]

WORDS = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    str: 'a text',
    type(None): 'None',
    Path: 'a path',
}
SEQUENCES = (list, tuple, range)
shortened = Repr()
shortened.maxstring = shortened.maxother = 80


def shown(value: Any) -> str:
    """``value`` for a message, shortened."""
    return shortened.repr(value)


def fits(value: Any, hint: Any) -> bool:
    """Whether ``value`` is what the annotation ``hint`` says.

    Lists and tuples stand for each other, as JSON has no tuples; whole numbers are numbers; NaN is none. What an
    annotation says that configs do not hold is not looked at.
    """
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if kind is Annotated:
        return fits(value, arguments[0]) and all(value in part for part in arguments[1:] if isinstance(part, Range))
    if kind in (Union, types.UnionType):
        return any(fits(value, one) for one in arguments)
    if kind is Literal:
        return any(type(value) is type(one) and value == one for one in arguments)
    return _is_plain(value, kind) if kind in WORDS else _is_compound(value, kind, arguments)


def _is_compound(value: Any, kind: Any, arguments: tuple) -> bool:
    if kind in (Any, object) or not isinstance(kind, type):
        return True
    if issubclass(kind, Mapping):
        return isinstance(value, Mapping) and _items_fit(value, *(arguments or (Any, Any)))
    if _is_sequence(kind):
        return isinstance(value, SEQUENCES) and _elements_fit(value, kind, arguments)
    return callable(value) if kind is Callable else isinstance(value, kind)


def _is_sequence(kind: type) -> bool:
    return issubclass(kind, Iterable) and kind.__module__ in ('builtins', 'collections.abc')


def _is_plain(value: Any, kind: Any) -> bool:
    switch = isinstance(value, bool)
    if kind is bool:
        return switch or (isinstance(value, Integral) and value in (0, 1))
    if kind is int:
        return isinstance(value, Integral) and not switch
    if kind is float:
        return isinstance(value, Real) and not switch and not math.isnan(value)
    if kind is Path:
        return isinstance(value, str | Path)
    return value is None if kind in (None, type(None)) else isinstance(value, kind)


def _items_fit(value: Mapping, key: Any, item: Any) -> bool:
    """JSON has texts for keys that are numbers."""
    return all(
        (fits(name, key) or (isinstance(name, str) and name.isdigit() and fits(int(name), key))) and fits(inner, item)
        for name, inner in value.items()
    )


def _elements_fit(value: Any, kind: type, arguments: tuple) -> bool:
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    return all(fits(item, arguments[0]) for item in value) if arguments else True


def in_words(hint: Any) -> str:
    """An annotation as part of a sentence: ``None or a whole number of at least 1``."""
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if kind is Annotated:
        ranges = [str(part) for part in arguments[1:] if isinstance(part, Range)]
        return ' '.join([in_words(arguments[0]), *ranges])
    if kind in (Union, types.UnionType):
        return ' or '.join(dict.fromkeys(map(in_words, arguments)))
    if kind is Literal:
        return ' or '.join(map(repr, arguments))
    return WORDS[kind] if kind in WORDS else _compound_in_words(kind, arguments)


def _compound_in_words(kind: Any, arguments: tuple) -> str:
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return 'a dict' + (f', each value {in_words(arguments[1])}' if arguments else '')
    if isinstance(kind, type) and _is_sequence(kind):
        return _list_in_words(kind, arguments)
    return str(getattr(kind, '__name__', kind))


def _list_in_words(kind: type, arguments: tuple) -> str:
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        return f'{len(arguments)} values ({", ".join(map(in_words, arguments))})'
    return 'a list' + (f', each element {in_words(arguments[0])}' if arguments else '')
