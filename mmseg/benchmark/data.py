"""A training sample with rare class sampling, from PNGs of real size, on one core.

Scenes of the toy drawer at the sizes of GTA and Cityscapes go through the pipelines of the final recipe in three ways,
in turn for every sample: decoding image and label at every draw of a crop, and the label of the target too (the order
of the original); as the loader does it; and from the training cache. That all give the same sample is checked.
"""

import argparse
import contextlib
import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from mmseg.benchmark._alternate import alternate, rows_of
from mmseg.benchmark.settings import FINAL
from mmseg.commands import convert
from mmseg.config.load import load_config
from mmseg.datasets.batch import to_network
from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.dataset_wrappers import built
from mmseg.datasets.loader import collate
from mmseg.datasets.pipelines.compose import REDRAWS
from mmseg.datasets.pipelines.compose import run as run_steps
from mmseg.datasets.stream import generator
from mmseg.datasets.toy import ToyParams, save, shots, take
from mmseg.datasets.training_cache import arrays_of
from mmseg.datasets.uda_dataset import UDADataset

GTA_SIZE, CITYSCAPES_SIZE = {'width': 1914, 'height': 1052}, {'width': 2048, 'height': 1024}
TENSORS = ('img', 'gt_semantic_seg', 'target_img')


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure; ``rows`` holds the mean CPU ms of a sample and how many times as fast as decoding at every draw it is.

    ``draws`` is the mean number of crops drawn for a sample, ``sample_bytes`` what crosses processes.
    """
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw_scenes(root, args.images)
        plain = pair(root)
        target: Any = built({**settings(root).target, 'ann_dir': 'gtFine/train', 'cache_dir': str(root / 'none')})
        always = DecodeAlways(plain, target, args.seed)
        parts: list[Any] = [plain.source, plain.target]
        for part in parts:
            for arrays in arrays_of(part):
                arrays.write(1)
        ways: dict[str, Any] = {'files': plain.compacted(), 'cache': pair(root).compacted()}
        check_equal(always, list(ways.values()), args.seed)
        times = alternate(
            {
                'decode at every draw': always.sample,
                **{f'from {name}': partial(way.sample, seed=args.seed) for name, way in ways.items()},
            },
            args.samples,
        )
        sample = ways['files'].sample(0, args.seed)
    return {
        'rows': rows_of(times, mean=True),
        'draws': round(float(np.mean(always.draws)), 2),
        'sample_bytes': sum(sample[key].numel() * sample[key].element_size() for key in TENSORS),
    }


def settings(root: Path) -> Any:
    """``data.train`` of the final recipe, on the scenes in ``root``."""
    options = {
        'data.train.source.data_root': str(root / 'gta'),
        'data.train.target.data_root': str(root / 'cityscapes'),
    }
    return load_config(FINAL, options).data.train


def pair(root: Path) -> UDADataset:
    """The training data of the final recipe on the scenes in ``root``, from their cache if there is one."""
    with contextlib.redirect_stdout(io.StringIO()):
        return built(settings(root))  # type: ignore[return-value]


def draw_scenes(root: Path, images: int) -> None:
    """Draw the scenes in their real sizes, and convert their labels."""
    game = ToyParams(source=images, train=0, val=0, **GTA_SIZE)
    camera = ToyParams(source=0, train=images, val=0, **CITYSCAPES_SIZE)
    for params in (game, camera):
        for shot in shots(root, params):
            save(shot, take(shot, params))
    with contextlib.redirect_stdout(io.StringIO()):
        for name in ('gta', 'cityscapes'):
            convert.main([name, str(root / name), '--nproc', '1'])


class DecodeAlways:
    """The way of the original: a sample whose crop is refused is made again, beginning with its files.

    Attributes:
        draws: how often that was, for each sample.
    """

    def __init__(self, data: UDADataset, target: CustomDataset, seed: int) -> None:
        assert data.sampler is not None
        self.source, self.target, self.sampler = data.source, target, data.sampler
        self.seed = seed
        self.draws: list[int] = []

    def sample(self, i: int) -> dict[str, Any]:
        rng = generator(self.seed, i)
        wanted = self.sampler.draw(rng)
        draws = 0
        while draws <= REDRAWS:
            draws += 1
            labelled = self._run(self.source, wanted.image, rng)
            if self.sampler.enough(labelled['gt_semantic_seg'].numpy(), train_id=wanted.train_id):
                break
        self.draws.append(draws)
        unlabelled = self._run(self.target, int(rng.choice(len(self.target))), rng)
        return {**labelled, 'target_img': unlabelled['img'], 'target_img_metas': unlabelled['img_metas']}

    @staticmethod
    def _run(dataset: Any, index: int, rng: np.random.Generator) -> dict[str, Any]:
        return run_steps(dataset.plain_pipeline.transforms, dataset.results_of(index), rng)


def check_equal(always: DecodeAlways, ways: list[Any], seed: int, samples: int = 4) -> None:
    """Make sure that all ways give the same samples."""
    for i in range(samples):
        expected: dict[str, Tensor] = collate([always.sample(i)])
        for way in ways:
            found = to_network(collate([way.sample(i, seed)]))
            assert all(torch.equal(found[key], expected[key]) for key in TENSORS), f'sample {i} differs'
