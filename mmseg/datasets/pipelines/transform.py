"""What a pipeline step is: chance drawn first, as parameters, and applied after."""

from enum import Enum
from typing import Any, ClassVar

import numpy as np


class Part(Enum):
    """What of a sample a step touches, so that the geometry can run on the label before the image is read."""

    IMAGE = 'image'
    LABEL = 'label'
    BOTH = 'image and label, each on its own and alike'
    SAMPLE = 'image and label together'


class Transform:
    """One step of a pipeline. ``results`` is the working dict of mmseg: ``img`` (H, W, 3) BGR, ``seg_fields``, ...

    ``apply`` is a function of its arguments alone; it returns a changed copy or the changed dict, and never
    writes into the arrays it is given. A step with :attr:`part` ``BOTH`` has to work on a dict that holds only
    the image or only the label, from the same parameters.
    """

    part = Part.SAMPLE
    #: fields that this step adds, see :mod:`mmseg.datasets.pipelines.fields`; such a step is ``LABEL`` where it reads
    #: a file of labels, else ``BOTH``, and needs nothing of a sample but :func:`size_of`
    adds: tuple[str, ...] = ()
    #: it moves pixels where nobody can move a prediction back: no step of testing
    for_training_only: ClassVar[bool] = False

    def draw(self, results: dict, rng: np.random.Generator) -> Any:
        """The chance this step takes, as a value that ``apply`` understands."""
        return None

    def apply(self, results: dict, params: Any) -> dict:
        """Do the step."""
        raise NotImplementedError

    def check_image(self, channels: int, dtype: np.dtype, name: str) -> None:
        """Refuse images with so many channels, or of a type, that the step cannot work on; ``name`` is one of them.

        Raises:
            InputError: naming it and the setting.
        """

    def gives(self, dtype: np.dtype) -> np.dtype:
        """The type of an image behind this step, of one of ``dtype`` in front of it."""
        return dtype

    def __call__(self, results: dict, rng: np.random.Generator) -> dict:
        return self.apply(results, self.draw(results, rng))


def size_of(results: dict) -> tuple[int, int]:
    """Height and width of what ``results`` holds: the image, or the label while that runs ahead."""
    field = 'img' if 'img' in results else results['seg_fields'][0]
    return results[field].shape[:2]


def shape_of(results: dict) -> tuple[int, ...]:
    """Shape as the meta data report it: the image's, (H, W, 3) while only the label is there."""
    return results['img'].shape if 'img' in results else (*size_of(results), 3)
