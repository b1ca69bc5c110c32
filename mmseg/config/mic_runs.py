"""What the experiments of the MIC paper (arXiv 2212.01322) are made of: runs of other tables, with masked images."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from mmseg.config import hrda_runs as hrda
from mmseg.config import paper
from mmseg.config.experiment import SEEDS, Architecture, Method, PaperRun, Run

# What names of runs call the modes.
MODES = {
    'sep': 'separate',
    'spa': 'separateaug',
    'sps': 'separatesrc',
    'spsa': 'separatesrcaug',
    'spt': 'separatetrg',
    'spta': 'separatetrgaug',
}
# Methods without a teacher: that of the masked images is DAFormer's.
OWN_TEACHER = {'alpha': 0.999, 'pseudo_threshold': 0.968}


@dataclass(frozen=True, kw_only=True)
class Masks:
    """How images are masked, and by which pseudo-labels they are learned.

    Args:
        block: side of a block in pixels.
        ratio: share of the blocks that are removed.
        mode: key of :data:`MODES`.
        alpha: of a teacher of its own.
        threshold: of its pseudo-labels.
    """

    block: int
    ratio: float = 0.7
    mode: str = 'spta'
    alpha: float | Literal['same'] = 'same'
    threshold: float | Literal['same'] | None = 'same'

    @property
    def name(self) -> str:
        """As tables have it."""
        own = '' if self.alpha == 'same' else f'a{self.alpha:g}-'
        own += '' if self.threshold == 'same' else f'p{self.threshold}-'
        return f'm{self.block}-{self.ratio:g}-{own}{self.mode}'

    def term(self) -> dict[str, Any]:
        """For ``uda.terms``."""
        return {
            'type': 'MaskedConsistency',
            'mode': MODES[self.mode],
            'block_size': self.block,
            'ratio': self.ratio,
            'alpha': self.alpha,
            'pseudo_threshold': self.threshold,
        }


@dataclass(frozen=True, kw_only=True)
class MaskedRun(Run):
    """A run of DAFormer's or HRDA's tables with masked images.

    Args:
        plain: the run without them; its table and seed do not matter.
        masks: how they are masked.
        needs_teacher: the method has no teacher: the masked images get one.
    """

    plain: Run
    masks: Masks
    needs_teacher: bool = False

    def cfg(self) -> dict[str, Any]:
        cfg = replace(self.plain, exp=self.exp, seed=self.seed).cfg()
        term = self.masks.term() | (OWN_TEACHER if self.needs_teacher else {})
        uda = {'terms': [term], **cfg.get('uda', {})}
        if cfg['name_uda'] == SUPERVISED.name:
            uda['type'] = 'SourceOnly'
        return {**cfg, 'name': self.name, 'name_uda': f'{cfg["name_uda"]}_{self.masks.name}', 'uda': uda}

    @property
    def name(self) -> str:
        plain = replace(self.plain, seed=self.seed)
        method = plain.cfg()['name_uda'].replace('.', '')
        masks = self.masks.name.replace('.', '').replace('None', 'N')
        return plain.name.replace(f'_{method}_', f'_{method}_{masks}_', 1)


def seeded(exp: str, rows: Iterable[tuple[Run, Masks]], *, needs_teacher: bool = False) -> list[Run]:
    """Each run with its masks, with three seeds."""
    return [
        MaskedRun(exp=exp, seed=seed, plain=plain, masks=masks, needs_teacher=needs_teacher)
        for plain, masks in rows
        for seed in SEEDS
    ]


def half(network: Architecture = paper.DAFORMER, method: Method = paper.ALL_PARTS) -> Run:
    """A run of the DAFormer paper, GTA -> Cityscapes at half resolution."""
    return PaperRun(exp='', seed=0, architecture=network, method=method, domains=paper.GTA)


def full(pair: hrda.Pair = hrda.GTA, **settings: Any) -> Run:
    """A run of the HRDA paper."""
    return hrda.HighResRun(exp='', seed=0, pair=pair, method=hrda.DAFORMER, **settings)


class AdversarialRun(hrda.HighResRun):
    """AdvSeg or MinEnt as HRDA's tables have them, with the colours of the source as they are."""

    def _train(self) -> dict[str, Any]:
        return {}


def half_with_sgd(method: str) -> Run:
    """A method without teacher on DeepLabV2, GTA -> Cityscapes at half resolution."""
    settings: dict[str, Any] = {'views': None, 'decoder': 'dlv2red', 'rare': False, 'margins': False, 'slide': False}
    return AdversarialRun(exp='', seed=0, pair=hrda.GTA_HALF, method=method, coloured=True, **settings)


SUPERVISED = Method(name='dacs_srconly', data='target')
OWN = 'cityscapes_half_512x512'
CITYSCAPES = replace(paper.GTA, name='cityscapes2cityscapes', short='cs2cs', source=OWN, adaptation=OWN, target=OWN)
