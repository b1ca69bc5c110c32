"""A prediction in the hands of a Python program, which a notebook shows as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mmseg.evaluation.export import displayable, overlay
from mmseg.evaluation.legible import entries_of, with_contours, with_legend
from mmseg.prediction.block import Block

TOLD = 4


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """What a network says of an image.

    Attributes:
        label_map: (H, W) class ids, uint8 (int64 beyond 256 classes).
        confidence: (H, W) float32 in 0..1, the probability of that class.
        probs: (C, H, W) float32 in 0..1, of every class; None unless asked for.
        classes: names by class id.
        palette: RGB colours by class id.
        image: (H, W, C), BGR, as it was predicted.
    """

    label_map: np.ndarray
    confidence: np.ndarray
    probs: np.ndarray | None
    classes: Sequence[str]
    palette: Sequence[Sequence[int]]
    image: np.ndarray

    def picture(self, opacity: float = 0.5, *, contours: bool = False, legend: bool = False) -> np.ndarray:
        """The image with the classes' colours over it, RGB uint8 (H, W, 3).

        Args:
            opacity: 1 hides the image.
            contours: lines between classes.
            legend: the classes that occur in a strip below, which makes the picture higher.
        """
        shown = overlay(displayable(self.image), self.label_map, self.palette, opacity)
        shown = with_contours(shown, self.label_map) if contours else shown
        shown = np.ascontiguousarray(shown[..., ::-1])
        return with_legend(shown, entries_of(self.label_map, self.classes, self.palette)) if legend else shown

    def __repr__(self) -> str:
        """Where no picture is shown: the size and the largest classes."""
        height, width = self.label_map.shape
        entries = entries_of(self.label_map, self.classes, self.palette)
        told = ', '.join([*(entry.text for entry in entries[:TOLD]), *(['...'] if len(entries) > TOLD else [])])
        return f'Prediction({width}x{height}: {told})'

    def _repr_png_(self) -> bytes:
        """For notebooks: with lines between classes, and a legend."""
        return cv2.imencode('.png', self.picture(contours=True, legend=True)[..., ::-1])[1].tobytes()


def prediction_of(model: Any, pixels: np.ndarray, block: Block) -> Prediction:
    """The prediction in ``block`` of an image (H, W, C) as plain arrays."""
    probs = None if block.probs is None else block.probs.float().cpu().numpy()
    label_map, confidence = block.label_map.cpu().numpy(), block.confidence.float().cpu().numpy()
    return Prediction(label_map, confidence, probs, model.CLASSES, model.PALETTE, pixels)
