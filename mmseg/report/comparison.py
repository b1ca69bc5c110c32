"""Finished runs tested on the same images: one table, one picture."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmseg.apis import init_segmentor
from mmseg.config.leaves import named_sets, place_of
from mmseg.config.tested_at import tested_at
from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.loader import build_dataset, build_test_loader
from mmseg.datasets.taught_images import refuse_taught_images
from mmseg.engine.checks.class_check import check_channels, check_tested_classes
from mmseg.engine.work_dir import config_of, require_checkpoint
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import evaluate, predict_only
from mmseg.evaluation.legible import stretched
from mmseg.evaluation.metrics import Metrics
from mmseg.report.figures import Panel, comparison_panel
from mmseg.report.gallery import IMAGE, STRETCHED, image_shown, most_varied
from mmseg.report.table import class_table


class Outcome(NamedTuple):
    """What a trained network reaches (None without labels), its label maps of the shown images, which state it is."""

    metrics: Metrics | None
    label_maps: dict[int, np.ndarray]
    state: str


class Comparison(NamedTuple):
    """Outcomes by the name of the run, on ``dataset``; ``shown`` are the indices of the images to draw.

    ``name`` is that of the set ('' where there is one), ``tested_at`` the size at which images were seen.
    """

    name: str
    dataset: CustomDataset
    tested_at: str
    shown: list[int]
    outcomes: dict[str, Outcome]

    def title(self) -> str:
        """What the numbers are of."""
        what = 'IoU in percent' if self.dataset.labelled else 'Predictions'
        name = f'{self.name}, ' if self.name else ''
        states = '; '.join(f'{run}: {outcome.state}' for run, outcome in self.outcomes.items())
        return f'{what}, {name}split {self.dataset.split_name}, tested {self.tested_at}. Checkpoints: {states}'

    def table(self) -> str:
        """mIoU and the IoU of every class, a row per run."""
        rows = {name: outcome.metrics for name, outcome in self.outcomes.items() if outcome.metrics is not None}
        if not rows:
            return 'The test data have no labels: nothing was measured.'
        return class_table(rows, self.dataset.label_set)

    def draw(self, path: Path, *, images: bool = True) -> Path:
        """Write the picture; ``images=False`` shows predictions only, for data that may not be passed on."""
        rows = []
        for index in self.shown:
            row = []
            if images:
                image = image_shown(self.dataset, index)
                bright = stretched(image)
                row.append(Panel(IMAGE, image) if bright is None else Panel(STRETCHED, bright))
            if images and self.dataset.labelled:
                row.append(Panel('ground truth', self.dataset.label_of(index)))
            rows.append(row + [Panel(name, outcome.label_maps[index]) for name, outcome in self.outcomes.items()])
        return comparison_panel(rows, self.dataset.label_set, path)


def compare(runs: Mapping[str, Path], *, count: int = 4) -> list[Comparison]:
    """Evaluate the last checkpoint of every run on each set of the test data of the first; ``count`` images are shown.

    Raises:
        InputError: a folder is no work directory, or has no checkpoint yet; or a run has other classes or bands than
            the test data, or learnt from their labels.
    """
    made: list[Comparison] = []
    for run, work_dir in runs.items():
        model = init_segmentor(config_of(work_dir), require_checkpoint(work_dir))
        sets = named_sets(model.cfg.data.test)
        made = made or [opened(name, described, model, count) for name, described in sets.items()]
        for one in made:
            place = f'{place_of("data.test", one.name)} of the first run ({next(iter(runs))})'
            with of_run(run):
                check_tested_classes(model, one.dataset, place)
                check_channels(model, one.dataset, place)
                refuse_taught_images(model.cfg.data.get('train'), one.dataset, place)
            one.outcomes[run] = test(model, one.dataset, one.shown)
    return made


@contextmanager
def of_run(name: str) -> Iterator[None]:
    """Say which of several runs an error is about."""
    try:
        yield
    except InputError as error:
        raise InputError(f'{name}: {error}') from None


def opened(name: str, described: Any, model: Any, count: int) -> Comparison:
    """A set of the test data of ``model``, on which nothing has been tested yet."""
    dataset: Any = build_dataset(described, {'test_mode': True})
    return Comparison(name, dataset, tested_at(described, model.cfg.model), most_varied(dataset, count), {})


def test(model: Any, dataset: CustomDataset, shown: Sequence[int]) -> Outcome:
    """Metrics of ``model`` on ``dataset``, and its label maps of the images ``shown``."""
    label_maps: dict[int, np.ndarray] = {}
    state = f'{model.origin.weights}, {model.origin.checkpoint}'

    def keep(label_map: np.ndarray, _: str, index: int) -> None:
        if index in shown:
            label_maps[index] = label_map

    loader = build_test_loader(dataset, workers_per_gpu=0)
    if not dataset.labelled:
        predict_only(model, loader, keep)
        return Outcome(None, label_maps, state)
    return Outcome(evaluate(model, loader, dataset, on_prediction=keep), label_maps, state)
