"""The peak memory of a huge image, of a process of its own."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fabricated import work_dir

SIDE = 10_000
LIMIT = 2 * 1024**3
# What a process has before it predicts: everything imported, the network built, one small image predicted.
PROGRAM = """
import resource, sys
from mmseg.commands.predict import main
image, small, run, out = sys.argv[1:]
options = ['--tile', '512', '--overlap', '128', '--scale', '0.25', '--batch', '4', '--save', 'ids', '--device', 'cpu']
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
assert main([small, run, '--out', f'{out}/small', *options]) == 0
before = peak()
assert main([image, run, '--out', out, *options]) == 0
print('bytes:', peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='ru_maxrss is in kilobytes on Linux')
def test_a_tile_of_10000_by_10000_pixels_needs_less_than_2_gb(tmp_path):
    run = work_dir(tmp_path / 'runs')
    rows = np.linspace(0, 255, SIDE, dtype=np.uint8)
    picture = np.stack([np.broadcast_to(rows, (SIDE, SIDE)), np.broadcast_to(rows[:, None], (SIDE, SIDE))] * 2, -1)
    cv2.imwrite(str(tmp_path / 'huge.png'), picture[..., :3], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    cv2.imwrite(str(tmp_path / 'small.png'), picture[:600, :600, :3])
    arguments = [tmp_path / 'huge.png', tmp_path / 'small.png', run, tmp_path / 'out']
    finished = subprocess.run(
        [sys.executable, '-c', PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout.rsplit('bytes:', 1)[1]) < LIMIT
    ids = cv2.imread(str(tmp_path / 'out' / 'ids' / 'huge.png'), cv2.IMREAD_UNCHANGED)
    assert ids.shape == (SIDE, SIDE)
