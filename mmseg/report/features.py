"""Bottleneck features of two domains: cells of one class only, balanced, in a plane by PCA or t-SNE."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mmseg.datasets.label_sets import LabelSet
from mmseg.errors import InputError
from mmseg.report.figures import new_figure, save

MARKERS = ('o', '^')
# What t-SNE starts from: fewer dimensions than features have, which only noise fills.
TSNE_DIMENSIONS = 50
LEGEND_SIZE = 8


@dataclass(frozen=True)
class Cells:
    """Feature vectors ``values`` (N, C) with the ``classes`` (N,) and ``domains`` (N,; 0 source, 1 target) of each."""

    values: np.ndarray
    classes: np.ndarray
    domains: np.ndarray


def pure_cells(label: Tensor, size: tuple[int, int], ignore_index: int) -> Tensor:
    """The class of every cell of a coarse grid, -1 where a cell shows several classes or an ignored pixel.

    Args:
        label: (H, W) class ids.
        size: rows and columns of the grid, at most (H, W).
        ignore_index: id of pixels without a class.
    """
    ids = label.float()[None, None]
    highest = functional.adaptive_max_pool2d(ids, size)[0, 0]
    lowest = -functional.adaptive_max_pool2d(-ids, size)[0, 0]
    return torch.where((highest == lowest) & (highest != ignore_index), highest, -torch.ones(())).long()


class Sampler:
    """Keeps at most ``limit`` vectors of every class and domain, each with the same chance (reservoir sampling)."""

    def __init__(self, limit: int, rng: np.random.Generator) -> None:
        self.limit = limit
        self.rng = rng
        self.kept: dict[tuple[int, int], list[np.ndarray]] = {}
        self.seen: dict[tuple[int, int], int] = {}

    def add(self, features: Tensor, classes: Tensor, domain: int) -> None:
        """Offer the cells of a picture: features (C, h, w), classes (h, w) with -1 for none."""
        chosen = classes >= 0
        vectors = features.permute(1, 2, 0)[chosen.to(features.device)].float().cpu().numpy()
        for vector, title in zip(vectors, classes[chosen].tolist(), strict=True):
            key = title, domain
            count = self.seen[key] = self.seen.get(key, 0) + 1
            kept = self.kept.setdefault(key, [])
            if len(kept) < self.limit:
                kept.append(vector)
            elif (place := int(self.rng.integers(count))) < self.limit:
                kept[place] = vector

    def balanced(self) -> Cells:
        """``limit`` cells of each class in each domain; classes of which either domain has fewer are left out.

        Raises:
            InputError: no class has enough.
        """
        full = sorted({title for title, _ in self.kept if all(self.count(title, d) == self.limit for d in (0, 1))})
        if not full:
            most = max((min(self.count(title, 0), self.count(title, 1)) for title, _ in self.kept), default=0)
            raise InputError(
                f'No class has {self.limit} cells of its own in both domains; the most that one has is {most}. '
                'Ask for fewer (--cells) or look at more images (--images).'
            )
        keys = [(title, domain) for title in full for domain in (0, 1)]
        return Cells(
            np.concatenate([np.stack(self.kept[key]) for key in keys]),
            np.repeat([title for title, _ in keys], self.limit),
            np.repeat([domain for _, domain in keys], self.limit),
        )

    def count(self, title: int, domain: int) -> int:
        """How many vectors of a class and domain are kept."""
        return len(self.kept.get((title, domain), ()))


def pca(values: np.ndarray, dimensions: int = 2) -> np.ndarray:
    """Coordinates (N, dimensions) along the directions of the largest variance."""
    centred = torch.from_numpy(values - values.mean(0)).double()
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    return (centred @ directions[:dimensions].T).numpy()


def tsne(values: np.ndarray, seed: int) -> np.ndarray:
    """Coordinates (N, 2) by t-SNE (van der Maaten and Hinton, 2008), started from PCA.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE  # noqa: PLC0415 (optional)
    except ImportError:
        raise InputError(
            't-SNE needs scikit-learn: `pip install scikit-learn` (or `pip install -e ".[analysis]"`), '
            'or use --method pca.'
        ) from None
    reduced = pca(values, min(TSNE_DIMENSIONS, *values.shape))
    perplexity = min(30, (len(values) - 1) / 3)
    return TSNE(init='pca', perplexity=perplexity, random_state=seed).fit_transform(reduced)


def draw_features(points: np.ndarray, cells: Cells, label_set: LabelSet, path: Path, *, names: Sequence[str]) -> Path:
    """Scatter of ``points`` (N, 2): colour by class, marker by domain, called ``names``. Returns ``path``."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 (slow import, only needed to draw)

    figure = new_figure(9, 6.5)
    figure.set_layout_engine('constrained')
    axes = figure.add_subplot()
    handles = []
    for title in np.unique(cells.classes):
        red, green, blue = label_set.palette[title]
        colour = (red / 255, green / 255, blue / 255)
        for domain, marker in enumerate(MARKERS):
            chosen = (cells.classes == title) & (cells.domains == domain)
            edge = '0.6' if domain == 0 else 'black'  # a class may be white
            axes.scatter(
                points[chosen, 0], points[chosen, 1], s=22, color=colour, marker=marker, edgecolors=edge, linewidths=0.4
            )
        handles.append(Line2D([], [], linestyle='', marker='s', color=colour, label=label_set.classes[title]))
    for name, marker in zip(names, MARKERS, strict=True):
        handles.append(Line2D([], [], linestyle='', marker=marker, color='0.45', label=name))
    figure.legend(handles=handles, loc='outside right upper', frameon=False, fontsize=LEGEND_SIZE)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color('0.8')
    return save(figure, path)
