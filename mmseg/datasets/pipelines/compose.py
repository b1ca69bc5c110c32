"""A pipeline: its steps in order, with the geometry tried on the label before the image is decoded."""

from collections.abc import Callable, Sequence
from itertools import takewhile

import numpy as np

from mmseg.datasets.pipelines.fields import LABEL
from mmseg.datasets.pipelines.transform import Part, Transform
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS

REDRAWS = 10
"""How often a crop that is not accepted is drawn again."""


class Compose:
    """Runs steps one after the other.

    A labelled training sample goes label first: the steps up to the first one that needs image and label
    together (usually the formatting) are drawn and run on the label alone, again while ``accept`` refuses
    the outcome; the image is then decoded once and gets the accepted parameters.

    Args:
        transforms: configs of registered steps, or steps.
    """

    def __init__(self, transforms: Sequence[dict | Transform]) -> None:
        self.transforms: list[Transform] = [
            TRANSFORMS.build(step) if isinstance(step, dict) else step for step in transforms
        ]
        self.geometry = list(takewhile(lambda step: step.part is not Part.SAMPLE, self.transforms))
        self.rest = self.transforms[len(self.geometry) :]

    def __call__(
        self, results: dict, rng: np.random.Generator, accept: Callable[[np.ndarray], bool] | None = None
    ) -> dict:
        """The sample that ``results`` (file names) leads to.

        Args:
            results: names the files, see :meth:`mmseg.datasets.custom.CustomDataset.results_of`.
            rng: all chance of this sample.
            accept: whether a drawn label (H, W) will do; after its ``tries``, or else :data:`REDRAWS` refusals, the
                last one is taken.
        """
        if any(step.part is Part.LABEL for step in self.geometry):
            results = self._label_first(results, rng, accept)
        elif accept is not None:
            raise InputError('Rare class sampling needs LoadAnnotations in the pipeline of the source.')
        else:
            results = run(self.geometry, results, rng)
        return run(self.rest, results, rng)

    def _label_first(
        self, results: dict, rng: np.random.Generator, accept: Callable[[np.ndarray], bool] | None
    ) -> dict:
        loading = [step for step in self.geometry if step.part is Part.LABEL]
        moving = [step for step in self.geometry if step.part is not Part.LABEL]
        loaded = run(loading, dict(results), rng)
        for _ in range(getattr(accept, 'tries', 1 + REDRAWS)):
            label, params = dict(loaded), []
            for step in moving:
                params.append(step.draw(label, rng))
                if step.part is Part.BOTH:
                    label = step.apply(label, params[-1])
            if accept is None or accept(label[LABEL.name]):
                break
        # The label's size goes along, so that the image is checked against it as soon as it is read.
        image = {**results, 'label_shape': loaded['label_shape']}
        for step, drawn in zip(moving, params, strict=True):
            if not step.adds:  # the label has the field already
                image = step.apply(image, drawn)
        fields = label['seg_fields']
        return {**image, 'seg_fields': fields, **{field: label[field] for field in fields}}


def run(steps: Sequence[Transform], results: dict, rng: np.random.Generator) -> dict:
    """Draw and apply each step in order."""
    for step in steps:
        results = step(results, rng)
    return results
