"""Frames of a video file."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mmseg.errors import InputError

UNKNOWN_RATE = 25.0


class Video:
    """A video file, read frame by frame; use as context manager.

    Args:
        path: of the file.

    Attributes:
        rate: frames a second; 25 where the file does not say it.
        frames: how many the file says it has, or would have at its length; 0 where it does not say it.

    Raises:
        InputError: the file is no video that OpenCV can read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise InputError(f'{path} cannot be read as a video.')
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or UNKNOWN_RATE
        self.frames = max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)

    def __enter__(self) -> 'Video':
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def batches(self, size: int) -> Iterator[list[np.ndarray]]:
        """Up to ``size`` frames at a time, BGR uint8 (h, w, 3).

        Raises:
            InputError: there is no frame at all.
        """
        frames: list[np.ndarray] = []
        count = 0
        while True:
            more, frame = self._capture.read()
            if more:
                frames.append(frame)
                count += 1
            if frames and (not more or len(frames) == size):
                yield frames
                frames = []
            if not more:
                break
        if not count:
            raise InputError(f'{self.path} holds no frame.')
