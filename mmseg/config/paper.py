"""What the experiments of the DAFormer paper (arXiv 2111.14887) are made of: networks, methods, domains, numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from mmseg.config.experiment import NOT_PUBLISHED, SEEDS, Architecture, Domains, Method, PaperRun


def _resnet(depth: int) -> dict[str, Any]:
    return {'pretrained': f'open-mmlab://resnet{depth}_v1c', 'backbone': {'depth': depth}}


def _resnest(depth: int, stem_channels: int) -> dict[str, Any]:
    split = {'radix': 2, 'reduction_factor': 4, 'avg_down_stride': True}
    backbone = {'type': 'ResNeSt', 'depth': depth, 'stem_channels': stem_channels, **split}
    return {'pretrained': f'open-mmlab://resnest{depth}', 'backbone': backbone}


def _resnext(depth: int) -> dict[str, Any]:
    backbone = {'type': 'ResNeXt', 'depth': depth, 'groups': 32, 'base_width': 4}
    return {'pretrained': f'open-mmlab://resnext{depth}_32x4d', 'backbone': backbone}


def _mit(size: int) -> dict[str, Any]:
    return {'pretrained': f'pretrained/mit_b{size}.pth', 'backbone': {'type': f'mit_b{size}'}}


def _dlv2(encoder: str, changes: dict[str, Any]) -> Architecture:
    return Architecture(decoder='dlv2red', encoder=encoder, model='deeplabv2red_r50-d8', changes=changes)


def _without_norm(decoder: str, model: str) -> Architecture:
    changes = {**_resnet(101), 'decode_head': {'norm_cfg': None}}
    return Architecture(decoder=decoder, encoder='r101v1c', model=model, changes=changes)


def _segformer(size: int) -> Architecture:
    return Architecture(decoder='segformer', encoder=f'mitb{size}', model='segformer_b5', changes=_mit(size))


def _on_mitb5(decoder: str, model: str) -> Architecture:
    return Architecture(decoder=decoder, encoder='mitb5', model=model, changes=_mit(5))


DLV2_R50, DLV2_R101 = _dlv2('r50v1c', _resnet(50)), _dlv2('r101v1c', _resnet(101))
DLV2_S50, DLV2_S101, DLV2_S200 = (
    _dlv2(f's{depth}', _resnest(depth, stem)) for depth, stem in ((50, 64), (101, 128), (200, 128))
)
DLV2_X50, DLV2_X101 = _dlv2('x50-32', _resnext(50)), _dlv2('x101-32', _resnext(101))
DANET = _without_norm('da_nodbn', 'danet_r50-d8')
ISANET = _without_norm('isa_nodbn', 'isanet_r50-d8')
DLV3P = _without_norm('dlv3p_nodbn', 'deeplabv3plus_r50-d8')
SEGFORMER_B3, SEGFORMER_B4, SEGFORMER_B5 = _segformer(3), _segformer(4), _segformer(5)
SEGFORMER_R101 = Architecture(
    decoder='segformer', encoder='r101v1c', model='segformer_r101', changes={'pretrained': 'open-mmlab://resnet101_v1c'}
)
DLV3P_B5 = Architecture(
    decoder='sfa_dlv3p_nodbn',
    encoder='mitb5-del',
    model='deeplabv3plus_r50-d8',
    changes={
        'pretrained': 'pretrained/mit_b5.pth',
        'backbone': {'_delete_': True, 'type': 'mit_b5'},
        'neck': {'type': 'SegFormerAdapter', 'scales': [4]},
        'decode_head': {'norm_cfg': None, 'c1_in_channels': 64, 'in_channels': 512},
    },
)
DAFORMER_CONV1 = _on_mitb5('daformer_conv1', 'daformer_conv1_mitb5')
DAFORMER_ISA = _on_mitb5('daformer_isa', 'daformer_isa_mitb5')
DAFORMER_BOTTLENECK = _on_mitb5('daformer_sepaspp_bottleneck', 'daformer_sepaspp_bottleneck_mitb5')
DAFORMER_ASPP = _on_mitb5('daformer_aspp', 'daformer_aspp_mitb5')
DAFORMER = _on_mitb5('daformer_sepaspp', 'daformer_sepaspp_mitb5')
UPERNET = _on_mitb5('upernet', 'upernet_mit')
UPERNET_256 = _on_mitb5('upernet_ch256', 'upernet_ch256_mit')

SOURCE_ONLY = Method(name='source-only', data='source')
TARGET_ONLY = Method(name='target-only', data='target')
DACS = Method(name='dacs', uda='dacs')
RCS_UNIFORM = Method(name='dacs_rcsinf', uda='dacs', rcs_temperature=float('inf'))
RCS = Method(name='dacs_rcs0.01', uda='dacs', rcs_temperature=0.01)
FD_ALL = Method(name='dacs_fd', uda='dacs_fd')
FD_THINGS = Method(name='dacs_fdthings', uda='dacs_fdthings')
RCS_FD = Method(name='dacs_fdthings_rcs0.01', uda='dacs_fdthings', rcs_temperature=0.01)
ALL_PARTS = Method(
    name='dacs_a999_fdthings_rcs0.01_cpl', uda='dacs_a999_fdthings', rcs_temperature=0.01, pseudo_label_crop=True
)

GTA = Domains(
    name='gta2cityscapes',
    short='gta2cs',
    source='gta_to_cityscapes_512x512',
    adaptation='uda_gta_to_cityscapes_512x512',
    target='cityscapes_half_512x512',
)
SYNTHIA = Domains(
    name='synthia2cityscapes',
    short='syn2cs',
    source='synthia_to_cityscapes_512x512',
    adaptation='uda_synthia_to_cityscapes_512x512',
    target='cityscapes_half_512x512',
)
ACDC = Domains(
    name='cityscapes2acdc',
    short='cs2acdc',
    source='cityscapes_to_acdc_512x512',
    adaptation='uda_cityscapes_to_acdc_512x512',
    target=None,
)
DARK_ZURICH = Domains(
    name='cityscapes2darkzurich',
    short='cs2dzur',
    source='cityscapes_to_darkzurich_512x512',
    adaptation='uda_cityscapes_to_darkzurich_512x512',
    target=None,
)

# Published mIoU, mean over seeds 0, 1 and 2 (with its deviation where it is known), of what could be read in the
# paper's abstract, its program's documentation or a quotation of its Table 1.
PUBLISHED = {
    ('dlv2red', 'r101v1c', 'gta2cityscapes', 'source-only'): '34.3 ± 2.2',
    ('dlv2red', 'r101v1c', 'gta2cityscapes', 'dacs'): '54.2 ± 1.7',
    ('dlv2red', 'r101v1c', 'gta2cityscapes', 'target-only'): '72.1 ± 0.5',
    ('dlv3p_nodbn', 'r101v1c', 'gta2cityscapes', 'source-only'): '31.0 ± 1.4',
    ('dlv3p_nodbn', 'r101v1c', 'gta2cityscapes', 'dacs'): '53.7 ± 1.0',
    ('dlv3p_nodbn', 'r101v1c', 'gta2cityscapes', 'target-only'): '75.6 ± 0.9',
    ('segformer', 'mitb5', 'gta2cityscapes', 'source-only'): '45.6 ± 0.6',
    ('segformer', 'mitb5', 'gta2cityscapes', 'dacs'): '58.2 ± 0.9',
    ('segformer', 'mitb5', 'gta2cityscapes', 'target-only'): '76.4 ± 0.2',
    ('daformer_sepaspp', 'mitb5', 'gta2cityscapes', ALL_PARTS.name): '68.3',
    ('daformer_sepaspp', 'mitb5', 'synthia2cityscapes', ALL_PARTS.name): '60.9 (16 classes), 67.4 (13)',
    ('daformer_sepaspp', 'mitb5', 'cityscapes2acdc', ALL_PARTS.name): '55.4 (test set; a run shows val)',
    ('daformer_sepaspp', 'mitb5', 'cityscapes2darkzurich', ALL_PARTS.name): '53.8 (test set; a run shows val)',
}


def runs(
    exp: str,
    architectures: Iterable[Architecture],
    methods: Sequence[Method],
    seeds: Sequence[int] = SEEDS,
    *,
    domains: Domains = GTA,
) -> list[PaperRun]:
    """Every architecture with every method and seed, in this order."""
    return [
        PaperRun(
            exp=exp,
            architecture=network,
            method=method,
            domains=domains,
            seed=seed,
            published=PUBLISHED.get((network.decoder, network.encoder, domains.name, method.name), NOT_PUBLISHED),
        )
        for network in architectures
        for method in methods
        for seed in seeds
    ]
