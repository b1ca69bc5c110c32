"""Small networks of every family under every head and method, and the final config as it is."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmseg.benchmark.settings import FINAL
from mmseg.config.load import load_config
from mmseg.engine.layout import lay_out_weights
from mmseg.registry import MODELS
from tests.models.backbones.test_every_backbone import BACKBONES, PYRAMID, heads

SIDE, CLASSES = 64, 5
ADAPTED = 'ViTAdapter'
PLAIN_VIT = ('BEiT', 'MAE', 'VisionTransformer')
#: those under a batch norm, of their own or of the pyramid's: they cannot be fused
BATCH_NORM = (*PLAIN_VIT, ADAPTED, 'ResNet', 'ResNetV1c', 'ResNetV1d', 'ResNeXt', 'ResNeSt', 'TimmBackbone')
#: one head for each encoder, all heads on MiT
NETWORKS = [
    *zip(
        [name for name in BACKBONES if name != ADAPTED],
        ('DAFormerHead', 'UPerHead', 'DAFormerHead', 'DLV2Head', 'DepthwiseSeparableASPPHead', 'ISAHead', 'PSPHead',
         'ASPPHead', 'UPerHead', 'UPerHead', 'FCNHead', 'SegFormerHead'),
        strict=True,
    ),
    *(('mit_b0', head) for head in heads((8, 16, 40, 64)) if head != 'DAFormerHead'),
    (ADAPTED, 'DAFormerHead'),
]  # fmt: skip
#: widths that fused attention takes in half precision, where those of the other tests are too narrow
WIDE: dict[str, dict] = {'DAHead': {'channels': 16, 'pam_channels': 8}, 'ISAHead': {'channels': 16, 'isa_channels': 8}}
DISTANCE = {
    'imnet_feature_dist_lambda': 0.1,
    'imnet_feature_dist_classes': [2, 3],
    'imnet_feature_dist_scale_min_ratio': 0.75,
}
#: methods by name; None trains on labelled images only
METHODS: dict[str, dict | None] = {
    'source only': None,
    'DACS': {'type': 'DACS', **DISTANCE},
    'DACSPlus': {'type': 'DACSPlus', 'soft': 0.8, 'soft_paste': True, 'mmd': {'weight': 0.1, 'queue': 4}},
    'DSP': {'type': 'DSP', 'projection': 4, 'mmd': {'weight': 0.5}, 'masked_mmd': {'weight': 0.25, 'queue': 4}},
    'MIC': {'type': 'DACS', 'terms': [{'type': 'MaskedConsistency', 'block_size': 16, 'alpha': 0.9}]},
    'CLUDA': {'type': 'DACS', 'terms': [{'type': 'PixelContrast', 'size': 9}]},
    'MinEnt': {'type': 'MinEnt'},
    'AdvSeg': {'type': 'AdvSeg'},
}


@dataclass(frozen=True)
class Case:
    """A network, a method, and how a step of it is made."""

    encoder: str = 'mit_b0'
    head: str = 'DAFormerHead'
    method: str = 'DACS'
    precision: str = 'fp32'
    fuse: bool = False
    accumulate: int = 1
    clip: bool = False
    with_cp: bool = False
    norm: str = 'BN'
    hrda: bool = False

    @property
    def name(self) -> str:
        extras = [word for word in ('fuse', 'clip', 'with_cp', 'hrda') if getattr(self, word)]
        parts = [self.encoder, self.head, self.method, self.precision, *extras]
        return ', '.join([*parts, *([f'accumulate={self.accumulate}'] if self.accumulate > 1 else []), self.norm])

    def build(self) -> nn.Module:
        """On the meta device, in train mode, laid out as on a GPU."""
        settings, channels = BACKBONES[self.encoder]
        head = {
            'type': self.head,
            'num_classes': CLASSES,
            'norm_cfg': {'type': self.norm},
            **heads(channels)[self.head],
            **WIDE.get(self.head, {}),
        }
        if self.head == 'DLV2Head':
            del head['norm_cfg']
        backbone = {'type': self.encoder, **settings, **({'with_cp': True} if self.with_cp else {})}
        if self.encoder in PLAIN_VIT:
            backbone['num_heads'] = 3  # of 8 channels
        if self.encoder == ADAPTED:
            backbone['settings'] = {**settings['settings'], 'num_heads': 3}
        model: dict[str, Any] = {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head}
        if self.encoder in PLAIN_VIT:
            model['neck'] = PYRAMID
        if self.hrda:
            wrapped = {**head, 'type': 'HRDAHead', 'single_scale_head': self.head, 'hr_loss_weight': 0.1}
            crop = (SIDE // 2, SIDE // 2)
            model |= {'type': 'HRDAEncoderDecoder', 'hr_crop_size': crop, 'decode_head': wrapped}
        method = METHODS[self.method]
        uda = {'max_iters': 4, 'fuse_forward': self.fuse, 'accumulate': self.accumulate, 'debug_img_interval': 1}
        with torch.device('meta'):
            built = MODELS.build({**method, 'model': model, **uda} if method else model).train()
        lay_out_weights(built)
        return built


def final_network(*, fuse: bool) -> nn.Module:
    """The final config at full size, on the meta device."""
    cfg = load_config(FINAL)
    cfg.model.pretrained = None
    uda = {**cfg.uda, 'model': cfg.model, 'max_iters': 4, 'fuse_forward': fuse, 'debug_img_interval': 10**9}
    with torch.device('meta'):
        model = MODELS.build(uda).train()
    lay_out_weights(model)
    return model


def small_cases() -> list[Case]:
    """What `make test` runs: every encoder, head, method, precision and way of stepping at least once."""
    half = [Case(encoder, head, precision='bf16', fuse=encoder not in BATCH_NORM) for encoder, head in NETWORKS[::2]]
    full = [Case(encoder, head) for encoder, head in NETWORKS[1::2]]
    methods = [
        Case(method=method, precision=precision)
        for method, precision in (
            ('source only', 'fp32'),
            ('source only', 'bf16'),
            ('DACSPlus', 'bf16'),
            ('MinEnt', 'fp32'),
            ('AdvSeg', 'bf16'),
        )
    ]
    methods += [Case(method='MIC', hrda=True, precision='bf16'), Case(method='CLUDA', hrda=True), Case(method='CLUDA')]
    others = [
        *methods,
        Case(method='DSP', accumulate=2),  # the second time its queue is not empty
        Case(precision='fp16', clip=True, accumulate=2),
        Case(with_cp=True, precision='bf16'),
        Case(norm='SyncBN'),
    ]
    return [*half, *full, *others]


def all_cases() -> list[Case]:
    """Every network in both precisions, fused where it can be, under every method where it is MiT's."""
    networks = [
        Case(encoder, head, precision=precision, fuse=fuse)
        for encoder, head in NETWORKS
        for precision in ('fp32', 'bf16', 'fp16')
        for fuse in ((False,) if encoder in BATCH_NORM else (False, True))
    ]
    methods = [
        Case(encoder, method=method, precision=precision)
        for encoder in ('SwinTransformer', 'ConvNeXt', 'ResNetV1c')
        for method in METHODS
        for precision in ('fp32', 'bf16')
    ]
    return list(dict.fromkeys([*networks, *methods, *small_cases()]))
