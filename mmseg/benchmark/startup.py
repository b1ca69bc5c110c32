"""What a run waits for before its first sample: imports, listing 24,966 images, their class index, the sampler.

mmseg benchmark startup --images 1000000 --repeats 1    # writes two million tiny files first
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmseg.benchmark._alternate import Row, cpu_ms
from mmseg.benchmark.settings import FINAL
from mmseg.config.load import load_config
from mmseg.datasets.class_index import STATS, TABLE
from mmseg.datasets.gta import GTADataset
from mmseg.datasets.rare_class_sampling import RareClassSampler
from mmseg.datasets.stream import generator

MODULES = ('mmseg', 'mmseg.apis', 'mmseg.engine.train')
CLASSES = 19


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure; ``rows`` holds CPU and wall time in ms, medians of ``--repeats``."""
    rows = [imported(module, args.repeats) for module in MODULES]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_data(root, args.images)
        rows.append(timed('list images and labels', args.repeats, lambda: listed(folder, [])))
        pipeline = load_config(FINAL).data.train.source.pipeline
        rows.append(timed("list them for the final recipe's pipeline", args.repeats, lambda: listed(folder, pipeline)))
        listing = memory_of(lambda: listed(folder, pipeline))
        dataset = listed(folder, [])
        rows.append(
            timed(
                'index from JSON (first run), table written',
                args.repeats,
                dataset.class_counts,
                before=lambda: (root / TABLE).unlink(missing_ok=True),
            )
        )
        rows.append(timed('index from the table, checked against the files', args.repeats, dataset.class_counts))
        counts = dataset.class_counts()
        rows.append(timed('sampler and first draw', args.repeats, lambda: first_draw(counts, dataset)))
        sampler = memory_of(lambda: first_draw(counts, dataset))
    return {'rows': rows, 'listing_mb': listing, 'sampler_mb': sampler}


def listed(folder: str, pipeline: list[dict]) -> GTADataset:
    return GTADataset(data_root=folder, img_dir='images', ann_dir='labels', pipeline=pipeline)


def memory_of(work: Callable[[], Any]) -> dict[str, float]:
    """MB that Python and NumPy allocate while ``work`` runs, at the peak, and for what it returns."""
    tracemalloc.start()
    kept = work()
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return {'peak': round(peak / 1e6, 1), 'kept': round(now / 1e6, 1)}


def first_draw(counts: np.ndarray, dataset: GTADataset) -> Any:
    return RareClassSampler(counts, dataset.CLASSES).draw(generator(0, 0))


def timed(name: str, repeats: int, work: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> Row:
    spent, wall = [], []
    for _ in range(repeats):
        before()
        start = time.perf_counter()
        spent.append(cpu_ms(work)[0])
        wall.append((time.perf_counter() - start) * 1e3)
    return {'name': name, 'ms': round(statistics.median(spent), 1), 'wall': round(statistics.median(wall), 1)}


def imported(module: str, repeats: int) -> Row:
    """Times of ``import module`` in a fresh process, the files being warm; without those of the interpreter."""
    code = (
        'import time; c, t = time.process_time(), time.perf_counter(); '
        f'import {module}; print(time.process_time() - c, time.perf_counter() - t)'
    )
    runs = []
    for _ in range(repeats + 1):
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
        runs.append([float(value) * 1e3 for value in done.stdout.split()[-2:]])
    cpu, wall = (statistics.median(values) for values in zip(*runs[1:], strict=True))
    return {'name': f'import {module}', 'ms': round(cpu, 1), 'wall': round(wall, 1)}


def write_data(root: Path, images: int) -> None:
    """Small pictures under the names of GTA, eight label maps of twelve classes in turn, and their index."""
    rng = np.random.default_rng(0)
    picture = cv2.imencode('.png', np.zeros((192, 256, 3), np.uint8))[1].tobytes()
    shown = [rng.choice(CLASSES, 12, replace=False).astype(np.uint8) for _ in range(8)]
    labels = [cv2.imencode('.png', np.repeat(ids, 4096).reshape(192, 256))[1].tobytes() for ids in shown]
    entries = []
    for folder in ('images', 'labels'):
        os.makedirs(root / folder)
    for number in range(1, images + 1):
        name = f'labels/{number:05}_labelTrainIds.png'
        (root / f'images/{number:05}.png').write_bytes(picture)
        (root / name).write_bytes(labels[number % 8])
        entries.append({**{str(train_id): 4096 for train_id in shown[number % 8]}, 'file': name})
    (root / STATS).write_text(json.dumps(entries))
