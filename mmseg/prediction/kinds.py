"""What a prediction can be saved as, drawn block by block."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmseg.config.label_ids import label_dtype
from mmseg.errors import InputError, nearest
from mmseg.evaluation.export import check_opacity, colorize, displayable, overlay
from mmseg.evaluation.legible import with_contours
from mmseg.prediction.block import Block


@dataclass(frozen=True)
class Style:
    """How predictions are drawn.

    Args:
        palette: RGB colours by class id.
        opacity: how much of the image they hide (1: all of it).
        contours: lines between classes, over the image; of an image in windows, not where two of its blocks meet.
    """

    palette: Sequence[Sequence[int]]
    opacity: float = 0.5
    contours: bool = False

    def __post_init__(self) -> None:
        check_opacity(self.opacity)

    @property
    def id_type(self) -> np.dtype:
        """The same for all images of a network, whatever classes one shows: 16 bits beyond 256 classes."""
        return label_dtype(len(self.palette) - 1)


def ids(block: Block, pixels: np.ndarray, style: Style) -> np.ndarray:
    """Class ids (h, w)."""
    return block.label_map.cpu().numpy().astype(style.id_type)


def color(block: Block, pixels: np.ndarray, style: Style) -> np.ndarray:
    """The classes' colours, BGR (h, w, 3)."""
    return np.ascontiguousarray(colorize(block.label_map, style.palette)[..., ::-1])


def laid_over(block: Block, pixels: np.ndarray, style: Style) -> np.ndarray:
    """The image with the classes' colours over it, BGR (h, w, 3)."""
    label_map = block.label_map.cpu().numpy()
    shown = overlay(displayable(pixels), label_map, style.palette, style.opacity)
    return with_contours(shown, label_map) if style.contours else shown


def confidence(block: Block, pixels: np.ndarray, style: Style) -> np.ndarray:
    """The probability of the chosen class, 0..1 as 0..255 (h, w)."""
    return np.rint(block.confidence.float().cpu().numpy() * 255).astype(np.uint8)


def probs(block: Block, pixels: np.ndarray, style: Style) -> np.ndarray:
    """The probabilities of all classes, float32 (h, w, C)."""
    assert block.probs is not None
    return block.probs.permute(1, 2, 0).float().cpu().numpy()


Kind = Callable[[Block, np.ndarray, Style], np.ndarray]
KINDS: Mapping[str, Kind] = {
    'overlay': laid_over,
    'ids': ids,
    'color': color,
    'confidence': confidence,
    'probs': probs,
}
#: kinds that are pictures for people, which a video can show
SHOWN = ('overlay', 'color')


def kinds_named(text: str) -> list[str]:
    """The kinds in a list like ``overlay,ids``.

    Raises:
        InputError: there is no such kind.
    """
    names = [name.strip() for name in text.split(',') if name.strip()]
    for name in names:
        if name not in KINDS:
            raise InputError(f'--save {name}: there is no such kind.{nearest(name, KINDS)} Known: {", ".join(KINDS)}.')
    if not names:
        raise InputError(f'--save names no kind. Known: {", ".join(KINDS)}.')
    return list(dict.fromkeys(names))
