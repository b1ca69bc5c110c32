"""What one run of an experiment is, as a row of a table, and the config that it stands for.

The tables themselves are in :mod:`mmseg.config.grids`, one file each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEEDS = (0, 1, 2)
NOT_PUBLISHED = '–'  # noqa: RUF001 (a dash, as in tables)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run of a table; its kinds say what they train.

    Args:
        exp: ID of the table that it belongs to.
        seed: of all chance in the run.
        published: published mIoU in percent as text, with what has to be known about it.
    """

    exp: str
    seed: int
    published: str = NOT_PUBLISHED

    @property
    def name(self) -> str:
        """What its config and its work directory are called."""
        raise NotImplementedError

    def cfg(self) -> dict[str, Any]:
        """As a config, to be written below ``configs/generated/<exp>/``."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ConfigRun(Run):
    """A config that comes with the code, with a seed.

    Args:
        config: file below ``configs/``.
        title: name of the run without the seed.
        method: what it is called in tables.
    """

    config: str
    title: str
    method: str

    @property
    def name(self) -> str:
        return f'{self.title}_s{self.seed}'

    def cfg(self) -> dict[str, Any]:
        return {
            '_base_': [f'../../{self.config}'],
            'exp': self.exp,
            'name': self.name,
            'name_uda': self.method,
            'seed': self.seed,
        }


def shipped(exp: str, folder: str, rows: Mapping[str, str], prefix: str = '') -> list[Run]:
    """Configs of ``configs/<folder>/`` by file and method, each with three seeds."""
    return [
        ConfigRun(exp=exp, config=f'{folder}/{file}.py', title=f'{prefix}{file}', method=method, seed=seed)
        for file, method in rows.items()
        for seed in SEEDS
    ]


@dataclass(frozen=True, kw_only=True)
class Domains:
    """A source with labels and a target without; files are those of ``configs/_base_/datasets/``.

    Args:
        name: name in tables.
        short: name in names of runs.
        source: file of training on the source alone.
        adaptation: file of training on both.
        target: file of training on the target with its labels, None where there is none.
    """

    name: str
    short: str
    source: str
    adaptation: str
    target: str | None


@dataclass(frozen=True, kw_only=True)
class Method:
    """What is trained on: supervised on one domain, or adaptation with the parts of DAFormer.

    Args:
        name: name in tables and in names of runs.
        data: which of the files of :class:`Domains`.
        uda: file of ``configs/_base_/uda/``, None for supervised training.
        rcs_temperature: T of rare class sampling (paper, eq. 11), None for uniform sampling of images.
        pseudo_label_crop: rows of the target without weight: 15 on top, 120 at the bottom.
    """

    name: str
    data: str = 'adaptation'
    uda: str | None = None
    rcs_temperature: float | None = None
    pseudo_label_crop: bool = False


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network: a file of ``configs/_base_/models/`` and what differs from it.

    Args:
        decoder: name in tables and in names of runs.
        encoder: likewise.
        model: the file.
        changes: merged into its ``model``.
    """

    decoder: str
    encoder: str
    model: str
    changes: dict[str, Any] = field(default_factory=dict)


# Goes on top of configs/_base_/schedules/adamw.py.
ADAMW: dict[str, Any] = {
    'lr': 6e-05,
    'paramwise_cfg': {'custom_keys': {'head': {'lr_mult': 10.0}, 'norm': {'decay_mult': 0.0}}},
}


def training(max_iters: int = 40_000, checkpoint_interval: int = 4_000, evaluation_interval: int = 4_000) -> dict:
    """How long a run trains on one device, and when it saves and evaluates; without gradient clipping."""
    return {
        'n_gpus': 1,
        'optimizer_config': None,
        'runner': {'type': 'IterBasedRunner', 'max_iters': max_iters},
        'checkpoint_config': {'by_epoch': False, 'interval': checkpoint_interval, 'max_keep_ckpts': 1},
        'evaluation': {'interval': evaluation_interval, 'metric': 'mIoU'},
    }


@dataclass(frozen=True, kw_only=True)
class PaperRun(Run):
    """A run of the DAFormer paper.

    Args:
        architecture: the network.
        method: how it is trained.
        domains: on what.
        schedule: file of ``configs/_base_/schedules/`` for the learning rate.
        max_iters: iterations.
        checkpoint_interval: iterations between two checkpoints. The published runs wrote one, at the end, and lost
            everything when interrupted; here the newest of several is kept, so that a run can be resumed.
        evaluation_interval: iterations between two evaluations.
    """

    architecture: Architecture
    method: Method
    domains: Domains
    schedule: str = 'poly10warm'
    max_iters: int = 40_000
    checkpoint_interval: int = 4_000
    evaluation_interval: int = 4_000

    @property
    def name(self) -> str:
        network = f'{self.architecture.decoder}_{self.architecture.encoder}'
        name = f'{self.domains.short}_{self.method.name}_{network}_{self.schedule}_s{self.seed}'
        return name.replace('.', '')  # rcs0.01: a dot would end the name of a file

    def cfg(self) -> dict[str, Any]:
        return {
            '_base_': [f'../../_base_/{file}.py' for file in self._bases()],
            'exp': self.exp,
            'name': self.name,
            'name_dataset': self.domains.name,
            'name_architecture': f'{self.architecture.decoder}_{self.architecture.encoder}',
            'name_encoder': self.architecture.encoder,
            'name_decoder': self.architecture.decoder,
            'name_uda': self.method.name,
            'name_opt': f'adamw_6e-05_pmTrue_{self.schedule}_1x2_{self.max_iters // 1000}k',
            'seed': self.seed,
            'model': self.architecture.changes,
            **self._adaptation(),
            'optimizer': ADAMW,
            **training(self.max_iters, self.checkpoint_interval, self.evaluation_interval),
        }

    def _bases(self) -> list[str]:
        return [
            'default_runtime',
            f'models/{self.architecture.model}',
            f'datasets/{getattr(self.domains, self.method.data)}',
            *([f'uda/{self.method.uda}'] if self.method.uda else []),
            'schedules/adamw',
            f'schedules/{self.schedule}',
        ]

    def _adaptation(self) -> dict[str, Any]:
        train: dict[str, Any] = {}
        if self.method.rcs_temperature is not None:
            sampling = {'min_pixels': 3000, 'class_temp': self.method.rcs_temperature, 'min_crop_ratio': 0.5}
            train['train'] = {'rare_class_sampling': sampling}
        crop = {'pseudo_weight_ignore_top': 15, 'pseudo_weight_ignore_bottom': 120}
        return {'data': {'samples_per_gpu': 2, **train}, **({'uda': crop} if self.method.pseudo_label_crop else {})}
