"""Draw ``demo/demo.png``, a street of the toy camera.

python -m demo.draw_demo
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == '__main__':  # as a plain script: demo/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import command
from mmseg.places import check_file
from mmseg.writing import replacing

if TYPE_CHECKING:
    import numpy as np

WIDTH, HEIGHT = 1024, 512
SEED = 6


@command
def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=Path(__file__).with_name('demo.png'), help='default: demo/demo.png')
    args = parser.parse_args(argv)
    check_file(args.out)
    from PIL import Image  # noqa: PLC0415 (--help needs none of it)

    with replacing(args.out) as temporary:
        Image.fromarray(draw()).save(temporary, format='PNG', optimize=True)


def draw(seed: int = SEED) -> 'np.ndarray':
    """The picture of a seed, RGB uint8 (512, 1024, 3)."""
    import numpy as np  # noqa: PLC0415 (heavy)

    from mmseg.datasets.toy.domains import CAMERA  # noqa: PLC0415 (heavy)
    from mmseg.datasets.toy.scene import sample_scene  # noqa: PLC0415 (heavy)
    from mmseg.datasets.toy.style import draw_picture  # noqa: PLC0415 (heavy)

    rng = np.random.default_rng(seed)
    style = replace(CAMERA, noise=(0.5, 1))  # less noise: a smaller file
    return draw_picture(sample_scene(rng), style, rng, width=WIDTH, height=HEIGHT).image


if __name__ == '__main__':
    sys.exit(main())
