"""Which state of a run a number belongs to: the last one, or one that was chosen, and by what."""

from collections.abc import Mapping
from typing import Any

from mmseg.foreign_json import parse_json

BEST = 'best'
"""The note of a checkpoint that was chosen: what by, and its value."""


def state_in_words(iteration: int, max_iters: int | None) -> str:
    """``last (iteration 40000)``, or how far the training is."""
    if max_iters is None:
        return f'iteration {iteration}'
    return f'last (iteration {iteration})' if iteration >= max_iters else f'iteration {iteration} of {max_iters}'


def checkpoint_in_words(meta: Mapping[str, Any], max_iters: int | None = None) -> str:
    """What the meta data of a checkpoint say of it: ``last (iteration 40000)``, ``best on data.val by mIoU, …``.

    ``max_iters`` is the length of the run, for meta data without its config.
    """
    iteration = meta.get('iter')
    if not isinstance(iteration, int):
        return 'of no known iteration'
    best = meta.get(BEST)
    if isinstance(best, Mapping) and best:
        return f'best on data.val by {", ".join(map(str, best))}, iteration {iteration}'
    return state_in_words(iteration, _max_iters(meta.get('config')) or max_iters)


def evaluated_weights(meta: Mapping[str, Any]) -> str:
    """The network that a run evaluates, by the meta data of its checkpoint: 'student' or 'teacher'."""
    evaluation = _saved(meta.get('config')).get('evaluation')
    return 'teacher' if isinstance(evaluation, Mapping) and evaluation.get('weights') == 'teacher' else 'student'


def _max_iters(text: Any) -> int | None:
    """How many iterations the saved config of a run has."""
    runner = _saved(text).get('runner')
    found = runner.get('max_iters') if isinstance(runner, Mapping) else None
    return found if isinstance(found, int) else None


def _saved(text: Any) -> Mapping[str, Any]:
    """The config that a checkpoint keeps as text; empty where that is none."""
    try:
        values = parse_json(text)
    except (TypeError, ValueError):
        return {}
    return values if isinstance(values, Mapping) else {}
