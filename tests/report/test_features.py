import cv2
import numpy as np
import pytest
import torch

from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.errors import InputError
from mmseg.report.features import Cells, Sampler, draw_features, pca, pure_cells, tsne


def test_a_cell_counts_where_all_its_pixels_have_one_class():
    label = torch.tensor([[3, 3, 4, 4], [3, 3, 4, 5], [255, 255, 0, 0], [255, 0, 0, 0]])
    assert pure_cells(label, (2, 2), 255).tolist() == [[3, -1], [-1, 0]]


def test_cells_that_are_ignored_throughout_have_no_class():
    assert pure_cells(torch.full((4, 4), 255), (1, 1), 255).tolist() == [[-1]]


def features(classes: list[int], value: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((2, 1, len(classes)), value), torch.tensor([classes])


def test_every_class_and_domain_has_equally_many_cells():
    sampler = Sampler(3, np.random.default_rng(0))
    sampler.add(*features([0] * 9 + [1] * 5 + [2, -1], 1.0), 0)
    sampler.add(*features([0] * 3 + [1] * 2 + [2] * 9, 2.0), 1)
    cells = sampler.balanced()
    assert cells.classes.tolist() == [0] * 6  # class 1 is short in the target, 2 in the source
    assert cells.domains.tolist() == [0, 0, 0, 1, 1, 1]
    assert cells.values[:, 0].tolist() == [1, 1, 1, 2, 2, 2]


def test_late_cells_have_the_chance_of_early_ones():
    counts = np.zeros(10)
    for seed in range(400):
        sampler = Sampler(2, np.random.default_rng(seed))
        for i in range(10):
            sampler.add(*features([0], float(i)), 0)
        counts[[int(vector[0]) for vector in sampler.kept[0, 0]]] += 1
    assert counts.sum() == 800
    assert counts.min() > 45  # 80 expected each, standard deviation 8
    assert counts.max() < 115


def test_too_few_cells_are_named_with_what_there_is():
    sampler = Sampler(3, np.random.default_rng(0))
    sampler.add(*features([0, 0], 1.0), 0)
    sampler.add(*features([0], 1.0), 1)
    with pytest.raises(InputError, match=r'No class has 3 cells.*has is 1\. Ask for fewer'):
        sampler.balanced()


def test_pca_finds_the_directions_of_the_largest_variance():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(200, 2)) * (5, 2)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0][:2]
    points = pca(plane @ rotation + 7)
    centred = plane - plane.mean(0)
    assert np.allclose(np.var(points, 0).sum(), np.var(centred, 0).sum())
    distances = [np.linalg.norm(p[:50, None] - p[None, :50], axis=-1) for p in (points, centred)]
    assert np.allclose(*distances)


def test_tsne_keeps_clusters_apart():
    pytest.importorskip('sklearn', reason='scikit-learn is not installed: pip install -e ".[analysis]"')
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=(20, 8)), rng.normal(size=(20, 8)) + 30])
    points = tsne(values, seed=0)
    centres = points[:20].mean(0), points[20:].mean(0)
    spread = max(
        np.linalg.norm(points[:20] - centres[0], axis=1).max(), np.linalg.norm(points[20:] - centres[1], axis=1).max()
    )
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread


def test_the_picture_shows_classes_by_colour(tmp_path):
    cells = Cells(np.zeros((4, 2)), np.array([0, 0, 13, 13]), np.array([0, 1, 0, 1]))
    path = draw_features(np.eye(4, 2), cells, CITYSCAPES19, tmp_path / 'a.png', names=('game', 'camera'))
    colours = {tuple(pixel) for pixel in cv2.imread(str(path))[..., ::-1].reshape(-1, 3).tolist()}
    assert {CITYSCAPES19.palette[0], CITYSCAPES19.palette[13]} <= colours
    assert CITYSCAPES19.palette[1] not in colours
