"""The page docs/encoders.md: foundation encoders of timm."""

import argparse
import fnmatch
from collections.abc import Sequence
from typing import Any

import timm
import torch

from mmseg.errors import InputError
from mmseg.models.backbones.timm_weights import HUB, weights_of
from mmseg.progress import progress_bar
from mmseg.registry import MODELS
from mmseg.writing import write_text
from tools.work.step_memory import step_memory

SIDES = (512, 1024)
#: by family; tags say which weights
ENCODERS = {
    'DINOv2': [f'vit_{size}_patch14_dinov2' for size in ('small', 'base', 'large')],
    'DINOv3': [f'vit_{size}_patch16_dinov3' for size in ('small', 'base', 'large')],
    'DINOv3, ConvNeXt': [f'convnext_{size}.dinov3_lvd1689m' for size in ('tiny', 'base', 'large')],
    'EVA-02': [f'eva02_{size}_patch14_224' for size in ('small', 'base')],
    'SigLIP 2': ['vit_base_patch16_siglip_512.v2_webli'],
    'Perception Encoder': [f'vit_pe_spatial_{size}_patch16_512' for size in ('tiny', 'base')],
    'TIPSv2': ['vit_base_patch14_reg1_tipsv2'],
    'Hiera of SAM 2': ['sam2_hiera_tiny', 'sam2_hiera_base_plus'],
    'ConvNeXt-V2': ['convnextv2_tiny', 'convnextv2_base'],
}
HEADER = """# Foundation encoders

This file is written by `python -m tools.encoder_table`; edits are lost.

Any network of timm is an encoder by its name, for images of any size where the network allows it (Hiera of MAE, BEiT
and MaxViT take the size alone that they are built for, `img_size`):

```python
backbone = dict(type='TimmBackbone', model_name='vit_base_patch14_dinov2', pretrained='timm', out_indices=(2, 5, 8, 11))
```

`pretrained='timm'` takes timm's own weights: from `pretrained/`, where `mmseg download timm:NAME` leaves
them, else from the hub. Their licence is told in the log. A file instead may have timm's names, the authors' (Meta's of
DINOv2 and DINOv3), or those of Hugging Face's transformers (DINOv2, DINOv3, SigLIP); loading is strict. All processes
of a run start from the weights of the first.

Plain Transformers give maps of one size: `neck=dict(type='Feature2Pyramid', ...)` makes a pyramid of them,
`backbone.type='ViTAdapter'` adds one that is learnt (its deformable attention is plain PyTorch). Heads for a pyramid:
`DAFormerHead`, `UPerHead`, `BasicPyramidHead`; for maps of one size: `DPTHead` (four blocks), `DeconvHead` (one).
Networks with stages need no neck. What learns of an encoder: [tuning.md](tuning.md). Recipes:
`configs/vfm/`, none of them measured.

Mean and std are those of pixels in 0..255; pipelines that normalise otherwise are named in a warning. Memory is that of
a training step of DAFormer (three networks, fp32, 2 source and 2 target crops) with one convolution as decoder: the
largest sum of all tensors alive at a time, counted from shapes, without what kernels and the allocator take. *limits*:
the licence limits what the weights, and networks trained from them, may be used for. Of DINOv3 the authors' own copies
are given to registered accounts only, timm's to everybody.

| encoder | patch | made for | channels | parameters (M) | step, 512² (GiB) | step, 1024² (GiB) | mean | std | licence |
| --- | ---: | ---: | --- | ---: | ---: | ---: | --- | --- | --- |
"""


def run(args: argparse.Namespace) -> None:
    """Write the table."""
    names = [name for family in ENCODERS.values() for name in family if fnmatch.fnmatchcase(name, args.only)]
    if not names:
        raise InputError(f'--only {args.only}: no encoder has such a name.')
    rows = [row(name) for name in progress_bar(names, unit='encoder')]
    write_text(args.out, HEADER + '\n'.join(rows) + '\n')
    print(f'{args.out}: {len(rows)} encoders')


def backbone_of(name: str) -> dict[str, Any]:
    """The encoder as a config: the last of its maps, or all stages."""
    with torch.device('meta'):
        stages = timm.create_model(name).feature_info
    plain = len({stage['reduction'] for stage in stages}) == 1
    return {
        'type': 'TimmBackbone',
        'model_name': name,
        'out_indices': (-1,) if plain else tuple(range(len(stages)))[-4:],
    }


def row(name: str, sides: Sequence[int] = SIDES) -> str:
    """The line of the table."""
    backbone = backbone_of(name)
    with torch.device('meta'):
        encoder = MODELS.build(backbone)
    weights, described = weights_of(name), timm.get_pretrained_cfg(name)
    channels = encoder.feature_channels
    head = {'type': 'FCNHead', 'in_channels': channels[-1], 'in_index': len(channels) - 1, 'channels': channels[-1]}
    head |= {'num_convs': 0, 'concat_input': False, 'num_classes': 19}
    model = {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head}
    held = [f'{step_memory(model, side=side) / 2**30:.1f}' for side in sides]
    statistics = encoder.pixel_statistics
    limits = ', *limits*' if weights.limits_use else ''
    cells = [
        f'[{weights.name}]({HUB}{weights.repository})',
        str(encoder.grid) if len(set(channels)) == 1 else 'stages',
        f'{described.input_size[-1]}',
        ', '.join(map(str, channels)),
        f'{sum(p.numel() for p in encoder.parameters()) / 1e6:.1f}',
        *held,
        ', '.join(f'{value:.6g}' for value in statistics.mean) if statistics else '',
        ', '.join(f'{value:.6g}' for value in statistics.std) if statistics else '',
        f'{weights.licence or "not stated"}{limits}',
    ]
    return f'| {" | ".join(cells)} |'
