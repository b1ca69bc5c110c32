"""Draw ``demo/demo.png``, a street of the toy camera.

python -m demo.draw_demo
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg.datasets.toy_domains import CAMERA
from mmseg.datasets.toy_scene import sample_scene
from mmseg.datasets.toy_style import draw_picture

WIDTH, HEIGHT = 1024, 512
SEED = 6


def draw(seed: int = SEED) -> np.ndarray:
    """The picture of a seed, RGB uint8 (512, 1024, 3)."""
    rng = np.random.default_rng(seed)
    style = replace(CAMERA, noise=(0.5, 1))  # less noise: a smaller file
    return draw_picture(sample_scene(rng), style, rng, width=WIDTH, height=HEIGHT).image


if __name__ == '__main__':
    Image.fromarray(draw()).save(Path(__file__).with_name('demo.png'), optimize=True)
