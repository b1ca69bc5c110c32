"""What is lost of images on their way into a network: told of the first such image, counted for the others."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.datasets.pipelines.photometric import Normalize

FAR = 10
"""Deviations from the mean beyond which half of an image does not lie."""
SHRINKS = 4.0
"""An image that the test pipeline makes smaller than this is worth a warning: small things are gone."""


def brightest(pixels: np.ndarray) -> float:
    """A mean that images of this kind cannot have: of 8 bits, and of shares of 1 (some are a little above)."""
    if pixels.dtype == np.uint8:
        return 255.0
    return 10.0 if pixels.dtype == np.float32 and pixels.max() <= 1 else np.inf


class Remarks:
    """Tells a user what a network does not get to see.

    Args:
        warn: is told a sentence.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.warn = warn
        self.seen: Counter[str] = Counter()

    def bits(self, name: str | Path, bits: int, load: LoadImageFromFile) -> None:
        """Of an image with so many bits a band, which ``load`` brings to 8."""
        if bits > 8 and load.color_type != 'unchanged':
            self._add(
                'images of more than 8 bits are read with the upper 8 of them',
                f'{name}: of its {bits} bits the upper 8 are read, as the network is one for images of 8 bits. '
                'If its values do not use them all, it is too dark: scale them first.',
            )

    def values(self, name: str | Path, pixels: np.ndarray, normalize: Normalize | None) -> None:
        """Of an image (h, w[, C]), or a part of it, whose values lie elsewhere than those of the training."""
        if normalize is None or not normalize.mean.any():
            return
        mean, most = float(normalize.mean.mean()), float((normalize.mean + FAR * normalize.std).max())
        if np.median(pixels) > most or normalize.mean.min() > brightest(pixels):
            self._add(
                'images have other values than those of the training',
                f'{name}: its values (median {np.median(pixels):.4g}, {pixels.dtype}) lie far from those that the '
                f'network was trained on (mean {mean:.4g} of Normalize): its classes mean nothing. Give it images of '
                'that kind.',
            )

    def shrinkage(self, name: str | Path, shrinkage: float) -> None:
        """Of an image of which so many pixels along a side become one."""
        if shrinkage > SHRINKS:
            self._add(
                f'the test pipeline makes images more than {SHRINKS:g} times smaller',
                f'{name}: the test pipeline makes this image {shrinkage:.1f} times smaller; what is small in it '
                'is lost. Predict it in its own resolution: --tile 1024 --overlap 256 (in Python tile=1024).',
            )

    def frames(self, name: str | Path, read: int, said: int) -> None:
        """Of a video of which so many frames were read, and that says it has so many."""
        if read < said:
            self._add(
                'videos have fewer frames than they say',
                f'{name}: {read} frames could be read of {said} that the file says it has. Is it complete?',
            )

    def end(self) -> None:
        """Say how many more images there were of each kind."""
        for what, images in self.seen.items():
            if images > 1:
                self.warn(f'{what}: so with {images - 1} more image{"s" if images > 2 else ""}.')
        self.seen.clear()

    def _add(self, what: str, text: str) -> None:
        self.seen[what] += 1
        if self.seen[what] == 1:
            self.warn(text)
