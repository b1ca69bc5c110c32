"""What tests of drawn input share: how many cases, values of every kind, places in trees, bytes that are changed."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from mmseg.errors import InputError

MORE = 20 if os.environ.get('MMSEG_FUZZ') == 'free' else 1


def cases(count: int) -> Callable:
    """So many cases with fixed seeds; twenty times as many with free ones."""
    return settings(max_examples=MORE * count)


def taken(read: Callable[[], Any], *, naming: str = '', refusal: type[Exception] = InputError) -> Any:
    """What ``read`` gives, or None where it refuses with a message that holds ``naming``; no other error passes."""
    try:
        return read()
    except refusal as error:
        told = str(error)
        if not told or naming not in told:
            raise AssertionError(f'{told!r} does not name {naming!r}') from error
        return None


NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, 1, -1, 2**31, 10**30, 1e-300, 1e300, float('inf'), float('nan')])
)
TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from(['', '.', '..', '../x', 'a\nb', '\ud800', 'x' * 300, '{{$HOME}}'])
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def places(tree: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all values in nested dicts and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(tree: Any, path: tuple, value: Any) -> Any:
    """A copy of ``tree`` with ``value`` at ``path``."""
    if not path:
        return value
    copied = dict(tree) if isinstance(tree, dict) else list(tree)
    copied[path[0]] = changed(tree[path[0]], path[1:], value)
    return copied


@st.composite
def damaged(draw: Callable, content: bytes) -> bytes:
    """``content`` with some bytes changed, or cut off, or with others behind it."""
    damage = bytearray(content)
    ends = st.one_of(st.integers(0, min(400, len(damage)) - 1), st.integers(0, len(damage) - 1))
    for place in draw(st.lists(ends, min_size=1, max_size=4)):
        damage[place] = draw(st.integers(0, 255))
    if draw(st.integers(0, 4)) == 0:
        return bytes(damage[: draw(st.integers(0, len(damage)))])
    return bytes(damage) + draw(st.sampled_from([b'', b'', b'\0', b'PK\5\6']))
