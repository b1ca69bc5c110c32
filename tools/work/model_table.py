"""The page docs/models.md: the networks of configs/_base_/models/."""

import argparse
import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine import Config

from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.errors import InputError
from mmseg.models.weights.manifest import OPEN_MMLAB, name_of_file, weight_files
from mmseg.progress import progress_bar
from mmseg.writing import write_text
from tools.work.get_param_count import build, costs
from tools.work.step_memory import step_memory

MODELS = SHIPPED_CONFIGS / '_base_' / 'models'
SIZE = (512, 512)
OPEN_MMLAB_LICENCE = 'Apache-2.0'

HEADER = """# Networks

This file is written by `python -m tools.model_table`; edits are lost.

Every file below `configs/_base_/models/`, and what the paper's grid makes of some by another encoder (`FILE:ENCODER`).
Parameters include auxiliary heads. GFLOPs are those of predicting one image of 512x512 (a multiply-add is two). A
training step is one iteration of the DAFormer training with its three networks in fp32, on 2 source and 2 target
crops of 512x512: the largest sum of all tensors alive at a time (weights, gradients, state of the optimizer, features),
counted from shapes. What kernels and the allocator take besides is not in it.

`mmseg download NAME` fetches the weights whose name stands in brackets; `open-mmlab://` weights are
fetched when they are needed.

| network | encoder | head | parameters (M) | GFLOPs | training step (GiB) | weights | licence of the weights |
| --- | --- | --- | ---: | ---: | ---: | --- | --- |
"""


@dataclass(frozen=True)
class Network:
    """A network: a file below configs/_base_/models/, or a ``variant`` of it by ``changes`` of its ``model``."""

    file: str
    variant: str = ''
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f'{self.file}:{self.variant}' if self.variant else self.file

    def model(self) -> dict[str, Any]:
        shipped = Config.fromfile(MODELS / f'{self.file}.py')
        shipped.merge_from_dict({'model': copy.deepcopy(self.changes)})
        return shipped.model.to_dict()


def resnet(kind: str, depth: int, weights: str, **settings: Any) -> dict[str, Any]:
    """Changes that put a network of the ResNet family in the place of a ResNet-50."""
    return {'pretrained': f'open-mmlab://{weights}', 'backbone': {'type': kind, 'depth': depth, **settings}}


R101 = resnet('ResNetV1c', 101, 'resnet101_v1c')
RESNEXT = {'groups': 32, 'base_width': 4}
RESNEST = {'radix': 2, 'reduction_factor': 4, 'avg_down_stride': True}
VARIANTS = [
    Network('deeplabv2red_r50-d8', 'r101v1c', R101),
    Network('deeplabv3plus_nodbn_r50-d8', 'r101v1c', R101),
    Network('danet_r50-d8', 'nodbn_r101v1c', R101 | {'decode_head': {'norm_cfg': None}}),
    Network('isanet_r50-d8', 'nodbn_r101v1c', R101 | {'decode_head': {'norm_cfg': None}}),
    Network('deeplabv2red_r50-d8', 'x50-32', resnet('ResNeXt', 50, 'resnext50_32x4d', **RESNEXT)),
    Network('deeplabv2red_r50-d8', 'x101-32', resnet('ResNeXt', 101, 'resnext101_32x4d', **RESNEXT)),
    Network('deeplabv2red_r50-d8', 's50', resnet('ResNeSt', 50, 'resnest50', stem_channels=64, **RESNEST)),
    Network('deeplabv2red_r50-d8', 's101', resnet('ResNeSt', 101, 'resnest101', stem_channels=128, **RESNEST)),
    Network('deeplabv2red_r50-d8', 's200', resnet('ResNeSt', 200, 'resnest200', stem_channels=128, **RESNEST)),
    Network('segformer_b5', 'mitb3', {'pretrained': 'pretrained/mit_b3.pth', 'backbone': {'type': 'mit_b3'}}),
    Network('segformer_b5', 'mitb4', {'pretrained': 'pretrained/mit_b4.pth', 'backbone': {'type': 'mit_b4'}}),
]


def networks() -> dict[str, Network]:
    """All networks by name, shipped files first."""
    rows = [Network(path.stem) for path in sorted(MODELS.glob('*.py'))] + VARIANTS
    return {network.name: network for network in rows}


def run(args: argparse.Namespace) -> None:
    """Write the table."""
    rows = [row(network, step_memory(network.model())) for network in progress_bar(networks().values(), unit='network')]
    write_text(args.out, HEADER + '\n'.join(rows) + '\n')
    print(f'{args.out}: {len(rows)} networks')


def row(network: Network, step_bytes: int) -> str:
    """The line of the table."""
    model = network.model()
    total = costs(build(model), SIZE)[-1]
    weights, licence = origin(model['pretrained'])
    cells = [
        network.name,
        model['backbone']['type'],
        model['decode_head']['type'],
        f'{total.parameters / 1e6:.1f}',
        f'{total.flops / 1e9:.0f}',
        f'{step_bytes / 2**30:.1f}',
        weights,
        licence,
    ]
    return f'| {" | ".join(cells)} |'


def origin(pretrained: str | None) -> tuple[str, str]:
    """Weights in words with the name they are downloaded by, and their licence."""
    if pretrained is None:
        return 'none', ''
    if pretrained.startswith(OPEN_MMLAB):
        return f'`{pretrained}`', OPEN_MMLAB_LICENCE
    name = name_of_file(Path(pretrained).name)
    if name is None:
        raise InputError(f'The manifest of weights does not list {pretrained}.')
    listed = weight_files()[name]
    return f'{listed.what} (`{name}`)', listed.licence
