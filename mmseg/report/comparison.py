"""Finished runs tested on the same images: one table, one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmseg.apis import init_segmentor
from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.loader import build_dataset, build_test_loader
from mmseg.engine.work_dir import config_of, require_checkpoint
from mmseg.evaluation.evaluate import evaluate, predict_only
from mmseg.evaluation.metrics import Metrics
from mmseg.report.figures import Panel, comparison_panel
from mmseg.report.gallery import image_shown, most_varied
from mmseg.report.table import class_table


class Outcome(NamedTuple):
    """What a trained network reaches (None without labels), and its label maps of the shown images, by index."""

    metrics: Metrics | None
    label_maps: dict[int, np.ndarray]


class Comparison(NamedTuple):
    """Outcomes by the name of the run, on ``dataset``; ``shown`` are the indices of the images to draw."""

    dataset: CustomDataset
    shown: list[int]
    outcomes: dict[str, Outcome]

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
                row.append(Panel('image', image_shown(self.dataset, index)))
            if images and self.dataset.labelled:
                row.append(Panel('ground truth', self.dataset.label_of(index)))
            rows.append(row + [Panel(name, outcome.label_maps[index]) for name, outcome in self.outcomes.items()])
        return comparison_panel(rows, self.dataset.label_set, path)


def compare(runs: Mapping[str, Path], *, count: int = 4) -> Comparison:
    """Evaluate the last checkpoint of every run on the test data of the first; ``count`` images are shown.

    Raises:
        InputError: a folder is no work directory, or has no checkpoint yet.
    """
    dataset: Any = None
    outcomes = {}
    for name, work_dir in runs.items():
        model = init_segmentor(config_of(work_dir), require_checkpoint(work_dir))
        if dataset is None:
            dataset = build_dataset(model.cfg.data.test, {'test_mode': True})
            shown = most_varied(dataset, count)
        outcomes[name] = test(model, dataset, shown)
    assert dataset is not None
    return Comparison(dataset, shown, outcomes)


def test(model: Any, dataset: CustomDataset, shown: Sequence[int]) -> Outcome:
    """Metrics of ``model`` on ``dataset``, and its label maps of the images ``shown``."""
    label_maps: dict[int, np.ndarray] = {}

    def keep(label_map: np.ndarray, _: str, index: int) -> None:
        if index in shown:
            label_maps[index] = label_map

    loader = build_test_loader(dataset, workers_per_gpu=0)
    if not dataset.labelled:
        predict_only(model, loader, keep)
        return Outcome(None, label_maps)
    return Outcome(evaluate(model, loader, dataset, on_prediction=keep), label_maps)
