"""The predictions of a benchmark's test images, in the zip that its server takes."""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from mmseg.datasets.loader import build_test_loader
from mmseg.errors import InputError
from mmseg.evaluation.benchmarks import CONFIDENCE, IDS, Benchmark, as_confidence
from mmseg.evaluation.evaluate import predictions
from mmseg.prediction.predictor import Predictor
from mmseg.progress import progress_bar
from mmseg.writing import replacing


class Result(NamedTuple):
    """Train ids (H, W) of an image file, and if asked for the probabilities of these, 0..1 (H, W)."""

    image: Path
    label_map: np.ndarray
    confidence: np.ndarray | None = None


def results_of(model: Any, dataset: Any, *, confidence: bool) -> Iterator[Result]:
    """Every image of ``dataset`` as ``mmseg test`` predicts it."""
    if confidence:
        predictor = Predictor(model)
        for index in range(len(dataset)):
            path = dataset.image_path(index)
            ((found, _),) = predictor.each([dataset.image_of(index)], [str(path)])
            yield Result(path, found.label_map.cpu().numpy(), found.confidence.float().cpu().numpy())
        return
    loader = build_test_loader(dataset, workers_per_gpu=model.cfg.data.get('workers_per_gpu', 2))
    for one in predictions(model, loader, next(model.parameters()).device):
        yield Result(Path(one.filename), one.label_map.cpu().numpy())


def write_zip(path: Path, results: Iterable[Result], benchmark: Benchmark, *, total: int) -> int:
    """Pack results, of which there are ``total``, as they come; how many there were.

    Raises:
        InputError: two images have one name.
    """
    names: set[str] = set()
    with replacing(path) as temporary, zipfile.ZipFile(temporary, 'w', zipfile.ZIP_STORED) as file:
        for result in progress_bar(results, total=total, desc='predicting', unit='image'):
            name = f'{result.image.stem}.png'
            if name in names:
                raise InputError(f'Two test images are called {name}.')
            names.add(name)
            for place, picture in _maps(name, result, benchmark).items():
                file.writestr(place, cv2.imencode('.png', picture)[1].tobytes())
    return len(names)


def _maps(name: str, result: Result, benchmark: Benchmark) -> dict[str, np.ndarray]:
    """The pictures of a result by their place in the zip; with confidences, each kind has a folder."""
    ids = benchmark.encoded(result.label_map)
    if result.confidence is None:
        return {name: ids}
    return {f'{IDS}/{name}': ids, f'{CONFIDENCE}/{name}': as_confidence(result.confidence)}
