"""What the experiments of the HRDA paper (arXiv 2204.13132) are made of, and the config that a row stands for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mmseg.config.experiment import ADAMW, SEEDS, Run, training

NORM = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375], 'to_rgb': True}
# Of Cityscapes, in pixels of its files: rectification artefacts, the own car.
MARGINS = [30, 240, 30, 30]
SGD = {'_delete_': True, 'type': 'SGD', 'lr': 0.0025, 'momentum': 0.9, 'weight_decay': 0.0005}
# What a row calls its network's files of configs/_base_/models/: without and with HRDA.
MODELS = {
    'daformer_sepaspp': ('daformer_sepaspp_mitb5', 'hrda1_daformer_sepaspp_mitb5'),
    'dlv2red': ('deeplabv2red_r50-d8', 'hrda1_deeplabv2red_r50-d8'),
}
ENCODERS = {'daformer_sepaspp': 'mitb5', 'dlv2red': 'r101v1c'}
RESNET101 = {'pretrained': 'open-mmlab://resnet101_v1c', 'backbone': {'depth': 101}}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Domains at one resolution.

    Args:
        name: in tables.
        short: in names of runs.
        file: of ``configs/_base_/datasets/``.
        crop: side of the training crops the file has.
        rare_pixels: ``min_crop_ratio`` of rare class sampling for such crops.
    """

    name: str
    short: str
    file: str
    crop: int
    rare_pixels: float


@dataclass(frozen=True, kw_only=True)
class Views:
    """The detail crop, and what is switched off in ablations.

    Args:
        crop: side of the detail crop.
        detail_weight: weight of the loss of the detail.
        fixed_attention: half of each scale instead of learnt attention.
        overlapping: detail windows of the teacher and of tests overlap.
        blurred: the detail shows no more than the context.
        context_scale: of the context.
    """

    crop: int = 512
    detail_weight: float = 0.1
    fixed_attention: bool = False
    overlapping: bool = True
    blurred: bool = False
    context_scale: float = 0.5

    @property
    def name(self) -> str:
        """As names of runs have it."""
        scale = {0.5: '', 1: '-samescale'}.get(self.context_scale, f'-sc{self.context_scale:g}')
        switches = [
            (self.fixed_attention, '-fixedatt'),
            (not self.overlapping, '-nooverlap'),
            (self.blurred, '-blurhr'),
        ]
        told = ''.join(text for given, text in switches if given)
        return f'hrda1-{self.crop}-{self.detail_weight:g}{told}{scale}'

    def model(self, outer: int) -> dict[str, Any]:
        """Merged into the network's ``model``.

        Args:
            outer: side of the training crops. Where they are no larger than the detail crop, both scales see all of it:
                the context learns on its own too, and the feature distance compares both.
        """
        same = outer == self.crop
        head: dict[str, Any] = {'hr_loss_weight': self.detail_weight}
        if same:
            head['lr_loss_weight'] = self.detail_weight
        if self.fixed_attention:
            head['fixed_attention'] = 0.5
        return {
            'scales': [1, self.context_scale],
            'hr_crop_size': (self.crop, self.crop),
            'feature_scale': 'all' if same else self.context_scale,
            'hr_slide_overlapping': self.overlapping,
            'blur_hr_crop': self.blurred,
            'decode_head': head,
        }


@dataclass(frozen=True, kw_only=True)
class HighResRun(Run):
    """A run of the paper's grids, at full or half resolution, with or without HRDA.

    Args:
        pair: on what.
        method: name of the method in front of its options, and file of ``configs/_base_/uda/``.
        views: of HRDA; None is the network alone.
        decoder: key of :data:`MODELS`.
        rare: rare class sampling with T = 0.01.
        margins: pseudo-labels in margins do not count.
        sync_crop: side of boxes cut from source and target alike.
        target_crop: side of training crops other than the pair's, for supervised runs.
        slide: test in windows of the training crop's size that overlap by half; else whole images.
        coloured: colours of the source are changed at random, and SGD trains (AdvSeg and MinEnt).
    """

    pair: Pair
    method: str
    views: Views | None = field(default_factory=Views)
    decoder: str = 'daformer_sepaspp'
    rare: bool = True
    margins: bool = True
    sync_crop: int | None = None
    target_crop: int | None = None
    slide: bool = True
    coloured: bool = False

    @property
    def supervised(self) -> bool:
        """Whether it trains on the labels of the target."""
        return self.method == 'target-only'

    @property
    def outer(self) -> int:
        """Side of the crops that the network learns from."""
        return self.sync_crop or self.target_crop or self.pair.crop

    @property
    def name(self) -> str:
        optimizer = '_sgd_00025_pmF' if self.coloured else ''
        crop = f'_{self.crop_name}' if self.crop_name else ''
        name = f'{self.pair.short}{crop}_{self.uda}_{self.architecture}_poly10warm{optimizer}_s{self.seed}'
        return name.replace('.', '')  # a dot would end the name of a file

    @property
    def crop_name(self) -> str:
        """Size of the crops, where names of runs say it: not that of half resolution, and not that of the labels."""
        side = self.target_crop if self.supervised else self.pair.crop if self.pair.crop == 1024 else None
        return f'{side}x{side}' if side else ''

    @property
    def uda(self) -> str:
        """The method with its options."""
        parts = [self.method]
        if self.rare:
            parts.append('rcs0.01' if self.pair.rare_pixels == 0.5 else f'rcs0.01-{self.pair.rare_pixels:.1f}')
        if self.sync_crop:
            parts.append(f'sf{self.sync_crop}x{self.sync_crop}')
        return '_'.join([*parts, *(['cpl2'] if self.margins else [])])

    @property
    def architecture(self) -> str:
        """The network with its options."""
        parts = [self.views.name] if self.views else []
        return '_'.join([*parts, self.decoder, *(['sl'] if self.slide else []), ENCODERS[self.decoder]])

    def cfg(self) -> dict[str, Any]:
        encoder = ENCODERS[self.decoder]
        optimizer = 'sgd_0.0025_pmFalse' if self.coloured else 'adamw_6e-05_pmTrue'
        return {
            '_base_': [f'../../_base_/{file}.py' for file in self._bases()],
            'exp': self.exp,
            'name': self.name,
            'name_dataset': f'{self.pair.name}_{self.crop_name}' if self.crop_name else self.pair.name,
            'name_architecture': self.architecture,
            'name_encoder': encoder,
            'name_decoder': self.architecture.removesuffix(f'_{encoder}'),
            'name_uda': self.uda,
            'name_opt': f'{optimizer}_poly10warm_1x2_40k',
            'seed': self.seed,
            'model': self._model(),
            'data': {'samples_per_gpu': 2, 'train': self._train()},
            'optimizer': SGD if self.coloured else ADAMW,
            **training(),
        }

    def _bases(self) -> list[str]:
        uda = [] if self.supervised else [f'uda/{self.method}']
        model = MODELS[self.decoder][self.views is not None]
        return [
            'default_runtime',
            f'models/{model}',
            f'datasets/{self.pair.file}',
            *uda,
            'schedules/adamw',
            'schedules/poly10warm',
        ]

    def _model(self) -> dict[str, Any]:
        model = {} if self.views is None else self.views.model(self.outer)
        if self.decoder == 'dlv2red':
            model |= RESNET101
        crop, stride = (self.outer,) * 2, (self.outer // 2,) * 2
        window = {'mode': 'slide', 'batched_slide': True, 'crop_size': crop, 'stride': stride}
        return {**model, 'test_cfg': window if self.slide else {'_delete_': True, 'mode': 'whole'}}

    def _train(self) -> dict[str, Any]:
        if self.supervised:
            crop = self.target_crop
            scale = (1024, 512) if self.pair.crop == 512 else (2048, 1024)
            return {'pipeline': labelled_steps(scale, crop)} if crop else {}
        train: dict[str, Any] = {}
        if self.rare:
            ratio = self.pair.rare_pixels
            train['rare_class_sampling'] = {'min_pixels': 3000, 'class_temp': 0.01, 'min_crop_ratio': ratio}
        if self.margins:
            train['pseudo_margins'] = MARGINS
        if self.sync_crop:
            train['sync_crop_size'] = (self.sync_crop, self.sync_crop)
        if self.coloured:
            scale = (1280, 720) if self.pair.crop == 512 else (2560, 1440)
            train['source'] = {'pipeline': labelled_steps(scale, self.pair.crop, coloured=True)}
        return train


def labelled_steps(scale: tuple[int, int], crop: int, *, coloured: bool = False) -> list[dict[str, Any]]:
    """The training pipeline of images with labels: resized to ``scale`` = (width, height), crops of ``crop``."""
    return [
        {'type': 'LoadImageFromFile'},
        {'type': 'LoadAnnotations'},
        {'type': 'Resize', 'img_scale': scale},
        {'type': 'RandomCrop', 'crop_size': (crop, crop), 'cat_max_ratio': 0.75},
        {'type': 'RandomFlip', 'prob': 0.5},
        *([{'type': 'PhotoMetricDistortion'}] if coloured else []),
        {'type': 'Normalize', **NORM},
        {'type': 'Pad', 'size': (crop, crop), 'pad_val': 0, 'seg_pad_val': 255},
        {'type': 'DefaultFormatBundle'},
        {'type': 'Collect', 'keys': ['img', 'gt_semantic_seg']},
    ]


def seeded(exp: str, rows: Iterable[dict[str, Any]]) -> list[HighResRun]:
    """Each row, as arguments of :class:`HighResRun`, with three seeds."""
    return [HighResRun(exp=exp, seed=seed, **row) for row in rows for seed in SEEDS]


DAFORMER = 'dacs_a999_fdthings'
HALF: dict[str, Any] = {'crop': 512, 'rare_pixels': 0.5}
FULL: dict[str, Any] = {'crop': 1024, 'rare_pixels': 2.0}
GTA_HALF = Pair(name='gta2cityscapes', short='gta2cs', file='uda_gta_to_cityscapes_512x512', **HALF)
GTA = Pair(name='gtaHR2cityscapesHR', short='gtaHR2csHR', file='uda_gtaHR_to_cityscapesHR_1024x1024', **FULL)
COLOURED_HALF = Pair(name='gtaCAug2cityscapes', short='gtaCAug2cs', file=GTA_HALF.file, **HALF)
COLOURED = Pair(name='gtaCAugHR2cityscapesHR', short='gtaCAugHR2csHR', file=GTA.file, **FULL)
SYNTHIA = Pair(
    name='synthiaHR2cityscapesHR', short='synHR2csHR', file='uda_synthiaHR_to_cityscapesHR_1024x1024', **FULL
)
ACDC = Pair(name='cityscapesHR2acdcHR', short='csHR2acdcHR', file='uda_cityscapesHR_to_acdcHR_1024x1024', **FULL)
DARK_ZURICH = Pair(
    name='cityscapesHR2darkzurichHR', short='csHR2dzurHR', file='uda_cityscapesHR_to_darkzurichHR_1024x1024', **FULL
)
TARGET_HALF = Pair(name='2cityscapes', short='2cs', file='cityscapes_half_512x512', **HALF)
TARGET = Pair(name='2cityscapesHR', short='2csHR', file='cityscapesHR_1024x1024', **FULL)
