"""Pictures for a page that holds everything itself: images, ground truth and predictions, small, as data URIs.

Predictions are those that test.sh left in ``WORK_DIR/preds/``, or are computed from the checkpoint.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from mmseg.config.leaves import named_sets
from mmseg.config.load import load_config
from mmseg.datasets.check import spread
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.pipelines.loading import read_image
from mmseg.datasets.stream import TrainingSet
from mmseg.engine.work_dir import checkpoint_of, config_of
from mmseg.errors import InputError
from mmseg.evaluation.export import PictureNames, colorize, displayable
from mmseg.evaluation.legible import stretched
from mmseg.report.facts import test_data
from mmseg.report.figures import striped
from mmseg.report.runs import Experiment, Run

PREDICTIONS = 'preds'
#: titles of a layer that is no label map; the second is there for dark images (page/gallery.js knows them)
IMAGE, STRETCHED = 'image', 'image, contrast stretched'
WIDTH = 768  # pixels; wider pictures are made smaller
QUALITY = 82
MAX_BYTES = 12 * 2**20
LOSSLESS = 101  # OpenCV's code for lossless WebP


@dataclass(frozen=True)
class Layer:
    """One picture of a scene as a data URI, and what it is called."""

    title: str
    uri: str


@dataclass(frozen=True)
class Scene:
    """An image of the target with everything that belongs to it, and the colours of its classes."""

    name: str
    layers: list[Layer]
    colours: Mapping[str, tuple[int, int, int]]


class ShownSet(NamedTuple):
    """A set of test images: its name ('' where there is one), and the indices of those that are shown."""

    name: str
    dataset: TrainingSet
    shown: list[int]


@dataclass
class Gallery:
    """Scenes; ``notes`` say what is missing and how to get it."""

    scenes: list[Scene] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def most_varied(dataset: TrainingSet, count: int) -> list[int]:
    """Indices of images that show many classes, the most first; without labels, spread over all of them.

    One of each of ``count`` equal parts of the data set: neighbours may be frames of one scene.
    """
    if not count or not dataset.labelled:
        return spread(len(dataset), count) if count else []
    classes = [len(np.unique(dataset.label_of(index))) for index in range(len(dataset))]
    parts = [part for part in np.array_split(np.arange(len(dataset)), count) if len(part)]
    found = [max(part.tolist(), key=lambda index: classes[index]) for part in parts]
    return sorted(found, key=lambda index: -classes[index])


def build_gallery(experiments: Sequence[Experiment], *, count: int, predict: bool = False) -> Gallery:
    """Image, ground truth and a prediction of every experiment, for up to ``count`` test images of each target.

    Args:
        experiments: what to show, one run of each.
        count: number of images, those that show the most classes; 0 for no gallery.
        predict: compute predictions from checkpoints where test.sh has left none.
    """
    gallery = Gallery()
    targets: dict[str, list[Experiment]] = {}
    for one in experiments if count else ():
        targets.setdefault(test_data(one.runs[0].config), []).append(one)
    for members in targets.values():
        _add_target(gallery, members, count, predict)
    return gallery


def _add_target(gallery: Gallery, experiments: Sequence[Experiment], count: int, predict: bool) -> None:
    """Add scenes, or notes why there are none, of experiments that were tested on the same images."""
    first = experiments[0].runs[0]
    try:
        sets = named_sets(load_config(config_of(first.folder), purpose='test').data.test)
    except InputError as error:
        gallery.notes.append(_unreadable(first.name, error))
        return
    for name, described in sets.items():
        try:
            dataset = build_dataset(described, {'test_mode': True})
            if not isinstance(dataset, TrainingSet):
                raise InputError(f'{type(dataset).__name__} is no data set of files.')
            shown = most_varied(dataset, count)
        except InputError as error:
            gallery.notes.append(_unreadable(f'{first.name}, {name}' if name else first.name, error))
            continue
        _add_set(gallery, experiments, ShownSet(name, dataset, shown), predict=predict)


def _add_set(gallery: Gallery, experiments: Sequence[Experiment], one_set: ShownSet, *, predict: bool) -> None:
    """Add scenes of a set, or notes why there are none, with the predictions of experiments."""
    set_name, dataset, shown = one_set
    predictions = {}
    for one in experiments:
        pictures = _predictions(one, dataset, shown, set_name, predict=predict)
        if pictures is None:
            advice = f'sh test.sh {one.counted[0].folder} (or make the report with --predict)'
            gallery.notes.append(f'No predictions of {one.label}{f" on {set_name}" if set_name else ""}: {advice}.')
        else:
            predictions[one.label] = pictures
    for index in shown if predictions else ():
        maps = {name: found[index] for name, found in predictions.items() if index in found}
        scene = _scene(dataset, index, maps, set_name)
        if sum(len(layer.uri) for one in (*gallery.scenes, scene) for layer in one.layers) > MAX_BYTES:
            gallery.notes.append(f'Only {len(gallery.scenes)} images: with more the page would grow too large.')
            break
        gallery.scenes.append(scene)


def _predictions(
    experiment: Experiment, dataset: TrainingSet, shown: Sequence[int], name: str, *, predict: bool
) -> dict[int, np.ndarray] | None:
    """RGB predictions by index, of the first run of an experiment that has any; ``name`` is that of the set."""
    name_of = PictureNames(dataset.img_infos)
    for run in experiment.counted:
        files = {index: run.folder / PREDICTIONS / name / name_of(dataset.image_path(index)) for index in shown}
        found = {index: read_image(file)[..., ::-1] for index, file in files.items() if file.is_file()}
        if found:
            return found
    runs = [run for run in experiment.counted if checkpoint_of(run.folder) is not None] if predict else []
    return _predict(runs[0], dataset, shown) if runs else None


def _predict(run: Run, dataset: TrainingSet, shown: Sequence[int]) -> dict[int, np.ndarray]:
    from mmseg.apis import inference_segmentor, init_segmentor  # noqa: PLC0415 (networks are slow to import)

    model = init_segmentor(config_of(run.folder), checkpoint_of(run.folder))
    label_maps = inference_segmentor(model, [dataset.image_path(index) for index in shown])
    return {index: colorize(found, model.PALETTE) for index, found in zip(shown, label_maps, strict=True)}


def _unreadable(name: str, error: InputError) -> str:
    return f'No pictures: the test data of {name} cannot be read here. {error}'


def _scene(dataset: TrainingSet, index: int, predictions: Mapping[str, np.ndarray], set_name: str) -> Scene:
    image = image_shown(dataset, index)
    maps = dict(predictions)
    if dataset.labelled:
        maps = {'ground truth': striped(dataset.label_of(index), dataset.label_set), **maps}
    bright = stretched(image)
    images = {IMAGE: image} | ({STRETCHED: bright} if bright is not None else {})
    layers = [Layer(name, data_uri(one)) for name, one in images.items()]
    layers += [Layer(name, data_uri(one, exact=True)) for name, one in maps.items()]
    colours = dict(zip(dataset.label_set.classes, dataset.label_set.palette, strict=True))
    file = dataset.image_path(index).name
    return Scene(f'{set_name}: {file}' if set_name else file, layers, colours)


def image_shown(dataset: TrainingSet, index: int) -> np.ndarray:
    """Image ``index`` as RGB uint8 (H, W, 3), whatever its bands and depth."""
    return np.ascontiguousarray(displayable(dataset.image_of(index))[..., ::-1])


def data_uri(picture: np.ndarray, *, exact: bool = False, width: int = WIDTH) -> str:
    """RGB uint8 (H, W, 3) as WebP in a data URI, at most ``width`` wide; ``exact`` keeps the colours of a label map."""
    height = round(picture.shape[0] * width / picture.shape[1])
    if picture.shape[1] > width:
        how = cv2.INTER_NEAREST if exact else cv2.INTER_AREA
        picture = cv2.resize(picture, (width, height), interpolation=how)
    quality = [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS if exact else QUALITY]
    encoded = cv2.imencode('.webp', np.ascontiguousarray(picture[..., ::-1]), quality)[1]
    return f'data:image/webp;base64,{base64.b64encode(encoded.tobytes()).decode()}'
