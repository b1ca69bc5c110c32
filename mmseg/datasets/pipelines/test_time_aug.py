"""Several views of one test image, whose predictions are averaged."""

from collections.abc import Callable, Sequence
from copy import copy

import numpy as np

from mmseg.config.values import Positive
from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.geometry import DIRECTIONS, Pad, RandomFlip, Resize, Scale, scale_list
from mmseg.datasets.pipelines.transform import Transform, size_of
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class MultiScaleFlipAug(Transform):
    """Runs ``transforms`` once per scale and flip; every key of the sample becomes a list, scales outermost.

    Args:
        transforms: the pipeline of one view; its Resize and RandomFlip take what is set here.
        img_scale: (width, height) or several; None takes each image's own size (then ``img_ratios`` is needed).
        img_ratios: factors on a single ``img_scale``.
        flip: also the mirrored views.
        flip_direction: 'horizontal', 'vertical', or both in a list.
    """

    def __init__(
        self,
        *,
        transforms: Sequence[dict],
        img_scale: Sequence | None = None,
        img_ratios: Positive | Sequence[Positive] | None = None,
        flip: bool = False,
        flip_direction: str | Sequence[str] = 'horizontal',
    ) -> None:
        self.pipeline = Compose(transforms)
        moved = [type(step) for step in self.pipeline.transforms if isinstance(step, Pad | Resize | RandomFlip)]
        if Pad in moved and moved.index(Pad) < len(moved) - moved.count(Pad):
            raise InputError('MultiScaleFlipAug: Pad has to stand behind Resize and RandomFlip, which move its border.')
        self.scales = scale_list(img_scale)
        self.ratios = [img_ratios] if isinstance(img_ratios, int | float) else img_ratios
        if not (self.ratios or self.scales) or self.ratios == []:
            raise InputError('MultiScaleFlipAug: without img_scale, img_ratios is needed.')
        if self.ratios is not None and len(self.scales) > 1:
            raise InputError('MultiScaleFlipAug: img_ratios needs a single img_scale (or None).')
        directions = [flip_direction] if isinstance(flip_direction, str) else list(flip_direction)
        if not directions or set(directions) - set(DIRECTIONS):
            raise InputError(
                f"MultiScaleFlipAug: flip_direction is 'horizontal', 'vertical', or both in a list, "
                f'not {flip_direction!r}.'
            )
        self.flips = [(False, directions[0])] + [(True, direction) for direction in directions if flip]

    def with_views(self, change: Callable[[Compose], Compose]) -> 'MultiScaleFlipAug':
        """The same step with another pipeline of one view."""
        other = copy(self)
        other.pipeline = change(self.pipeline)
        return other

    def draw(self, results: dict, rng: np.random.Generator) -> int:
        """Seed of whatever the views draw; the usual ones draw nothing."""
        return int(rng.integers(2**32))

    def apply(self, results: dict, params: int) -> dict:
        inside, whole = (results.get(key, ())[:2] for key in ('img_shape', 'pad_shape'))
        if inside != whole == results['img'].shape[:2]:
            raise InputError('MultiScaleFlipAug: a Pad in front of it would be resized with the image; put it inside.')
        rng = np.random.default_rng(params)
        views = [
            self.pipeline({**results, 'scale': scale, 'flip': flip, 'flip_direction': direction}, rng)
            for scale in self._scales(results)
            for flip, direction in self.flips
        ]
        return {key: [view[key] for view in views] for key in views[0]}

    def _scales(self, results: dict) -> list[Scale]:
        if self.ratios is None:
            return self.scales
        height, width = size_of(results)
        base = self.scales[0] if self.scales else (width, height)
        return [(max(1, int(base[0] * ratio)), max(1, int(base[1] * ratio))) for ratio in self.ratios]


def refuse_steps_of_training(pipeline: Compose) -> None:
    """Refuse steps after which a prediction belongs to other pixels than its label.

    Raises:
        InputError: a step cuts or turns the image, or mirrors it in front of the views, which undo their own flip.
    """
    steps = pipeline.transforms
    views = [step for step in steps if isinstance(step, MultiScaleFlipAug)]
    for step in [*steps, *(inner for view in views for inner in view.pipeline.transforms)]:
        mirrors = bool(views) and step in steps and isinstance(step, RandomFlip) and bool(step.prob)
        if step.for_training_only or mirrors:
            raise InputError(
                f'{type(step).__name__} in a pipeline of testing: what is predicted would belong to other pixels than '
                'the label. Is this the pipeline of training?'
            )
