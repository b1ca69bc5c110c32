"""What was found out about a machine."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

OK, NOTE, FAIL = 'ok', 'note', 'FAIL'


class Finding(NamedTuple):
    """One answer.

    Attributes:
        what: was asked.
        state: ``OK``; ``NOTE``, it works without it; or ``FAIL``, training or prediction does not work.
        told: what was found.
        remedy: what to do about it, '' = nothing.
    """

    what: str
    state: str
    told: str
    remedy: str = ''


Question = Callable[[], Iterable[Finding]]


def answers(question: Question) -> Iterator[Finding]:
    """What ``question`` finds out; an error in it is a finding too, since that is what a run would meet."""
    try:
        yield from question()
    except Exception as error:
        name = question.__name__.strip('_').replace('_', ' ')
        yield Finding(name, FAIL, f'{type(error).__name__}: {error}'.splitlines()[0])
