"""The networks that a page offers: of each run its student and its teacher, as far as it has them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mmseg.apis import init_segmentor
from mmseg.errors import InputError
from mmseg.prediction.predictor import Predictor


class Run(NamedTuple):
    """The files of a run, and what it is called."""

    name: str
    config: Path
    checkpoint: Path


class Offered(NamedTuple):
    """A network and what it is called on the page."""

    name: str
    predictor: Predictor


def offered_of(runs: Sequence[Run], *, device: str | None = None, trust: bool = False) -> list[Offered]:
    """Every network of ``runs``, of each the one that it evaluates first.

    Raises:
        InputError: a run cannot be loaded, or two runs have one name.
    """
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f'Two runs are called {name}: tell them apart, --compare NAME=WORK_DIR.')
    found = []
    for run in runs:
        models = _models(run, device, trust)
        names_of = {which: f'{run.name}, {which}' if len(models) > 1 else run.name for which in models}
        found += [Offered(names_of[which], Predictor(model)) for which, model in models.items()]
    return found


def _models(run: Run, device: str | None, trust: bool) -> dict[str, Any]:
    """Student and teacher by that name; the one alone that a file holds."""
    own = init_segmentor(run.config, run.checkpoint, device, trust=trust)
    models = {own.origin.weights: own}
    other: Literal['student', 'teacher'] = 'student' if own.origin.weights == 'teacher' else 'teacher'
    try:
        models[other] = init_segmentor(run.config, run.checkpoint, device, weights=other, trust=trust)
    except InputError:  # the file has no other network: the first one could be loaded
        return models
    return models
