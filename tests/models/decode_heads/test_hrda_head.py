"""The head of two scales: its networks, the fusion by hand, its losses."""

import ast
import json

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.decode_heads.hrda_head import HRDAHead, ScaleFeatures, ScaleMaps, attention_map, to_detail
from mmseg.models.layers.box import Box
from mmseg.registry import MODELS
from tests.parity import ROOT, manifest, shapes

DAFORMER = {
    'type': 'HRDAHead',
    'single_scale_head': 'DAFormerHead',
    'in_channels': [8, 16],
    'in_index': [0, 1],
    'channels': 12,
    'num_classes': 2,
    'decoder_params': {
        'embed_dims': 12,
        'embed_cfg': {'type': 'mlp'},
        'fusion_cfg': {'type': 'aspp', 'dilations': (1, 2), 'norm_cfg': {'type': 'BN'}},
    },
    'attention_embed_dim': 4,
}


@pytest.mark.parametrize(
    'name',
    [
        'head_hrda_daformer_sepaspp_mitb5',
        'head_hrda_daformer_sepaspp_mitb5_singleatt',
        'head_hrda_daformer_sepaspp_mitb5_fixedatt',
        'head_hrda_dlv2red_r101v1c',
        'head_cluda_hrda_daformer_sepaspp_mitb5',
    ],
)
def test_names_and_shapes_of_published_weights(name):
    index = json.loads((ROOT / 'manifests' / 'hrda_index.json').read_text())
    config = ast.literal_eval(index[name]['config'])
    for copied in ('scales', 'enable_hr_crop', 'hr_slide_inference'):  # of the segmentor
        del config[copied]
    if 'cluda' in name:
        config['type'] = 'CLUDAHead'  # its code changes HRDAHead
    head = MODELS.build(config)
    assert shapes(head) == manifest(name)
    assert list(shapes(head)) == list(manifest(name))
    assert sum(p.numel() for p in head.parameters()) == index[name]['parameters']


def head(**changes) -> HRDAHead:
    return MODELS.build({**DAFORMER, **changes})


def places(box: Box, size: tuple[int, int]) -> ScaleMaps:
    return ScaleMaps(None, None, None, [box], size, 0.5)


def test_the_fusion_by_hand():
    """Image 8 x 8, context 2 x 2 cells, detail of stride 2 in its right half: 4 x 2 cells."""
    context = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
    detail = torch.full((1, 1, 4, 2), 10.0)
    attention = torch.full((1, 1, 2, 2), 0.25)
    found = head().fuse(context, detail, attention, places(Box(0, 8, 4, 8), (8, 8)))
    # 1 - a is 1 in the left column of the context, 0.75 in the right one; enlarged to 4 x 4 by 0, 1/4, 3/4, 1
    left, right = torch.tensor([1.0, 3.0]), torch.tensor([1.5, 3.0])
    assert found.context.flatten().tolist() == [1.0, 1.5, 3.0, 3.0]
    rows = torch.tensor([0, 0.25, 0.75, 1])
    columns = [left + (right - left) * share for share in rows]
    weighted = torch.stack([column[0] + (column[1] - column[0]) * rows for column in columns], dim=1)
    shown = torch.tensor([0, 0, 10.0, 10.0]) * 0.25 * rows
    torch.testing.assert_close(found.fused[0, 0], weighted + shown)
    assert found.attention is attention


def test_the_context_is_enlarged_by_the_exact_factor_where_its_last_cell_reaches_over_the_edge():
    """136 pixels: 34 cells of detail; at 0.75 102 pixels, 25.5 cells of context, which are 26."""
    ramp = torch.arange(26.0).view(1, 1, 1, 26)
    found = to_detail(ramp.expand(1, 1, 26, 26), (34, 34), 0.75, align_corners=False)
    expected = ((torch.arange(34) + 0.5) * 0.75 - 0.5).clamp(min=0)
    torch.testing.assert_close(found, expected.expand(1, 1, 34, 34))
    whole = to_detail(torch.ones(1, 1, 9, 9), (34, 34), 0.25, align_corners=False)  # 36 by the factor
    torch.testing.assert_close(whole, torch.ones(1, 1, 34, 34))
    assert to_detail(ramp, (1, 26), 1, align_corners=False) is ramp


def test_with_attention_0_or_1_one_scale_is_seen_alone():
    network = head().eval()
    context = [torch.randn(1, 8, 4, 4), torch.randn(1, 16, 2, 2)]
    boxes = [Box(0, 32, 0, 32)]
    detail = [torch.randn(1, 8, 8, 8), torch.randn(1, 16, 4, 4)]
    maps = network.embed(ScaleFeatures(context, detail, boxes, (32, 32), 0.5))
    alone = torch.nn.functional.interpolate(network.head(context), scale_factor=2, mode='bilinear')
    torch.testing.assert_close(network.logits_of(maps, 0.0).fused, alone)
    torch.testing.assert_close(network.logits_of(maps, 1.0).fused, network.head(detail))


def test_the_attention_map_is_the_attention_of_the_predicted_classes():
    logits = head().fuse(
        torch.tensor([30.0, -30.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2),
        torch.zeros(1, 2, 4, 4),
        torch.tensor([0.2, 0.9]).view(1, 2, 1, 1).expand(1, 2, 2, 2),
        places(Box(0, 16, 0, 16), (16, 16)),
    )
    torch.testing.assert_close(attention_map(logits, align_corners=False), torch.full((1, 1, 4, 4), 0.2))


def test_the_three_losses_share_their_weight_and_the_detail_sees_its_part_of_label_and_weight():
    network = head(hr_loss_weight=0.25, lr_loss_weight=0.25)
    box = Box(0, 8, 4, 12)
    fused, context, detail = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 2, 2), torch.randn(1, 2, 2, 2)
    logits = network.fuse(context, detail, torch.rand(1, 2, 2, 2), places(box, (16, 16)))._replace(
        fused=fused, context=context
    )
    label, weight = torch.randint(2, (1, 1, 16, 16)), torch.rand(1, 16, 16)
    found = network.losses(logits, label, weight)
    alone = [
        network.head.losses(fused, label, weight),
        network.head.losses(context, label, weight),
        network.head.losses(detail, label[:, :, :8, 4:12], weight[:, :8, 4:12]),
    ]
    assert list(found) == [f'{prefix}{name}' for prefix in ('', 'lr.', 'hr.') for name in ('loss_seg', 'acc_seg')]
    for prefix, share, values in zip(('', 'lr.', 'hr.'), (0.5, 0.25, 0.25), alone, strict=True):
        torch.testing.assert_close(found[f'{prefix}loss_seg'], share * values['loss_seg'])
        torch.testing.assert_close(found[f'{prefix}acc_seg'], values['acc_seg'])


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'hr_loss_weight': 0.6, 'lr_loss_weight': 0.5}, 'together at most 1'),
        ({'hr_loss_weight': -0.1}, '0 or more'),
        ({'fixed_attention': 1.5}, r'fixed_attention must lie in 0\.\.1'),
        ({'single_scale_head': 'DAFormerHed'}, 'DAFormerHed'),
        ({'attention_embed_dims': 8}, 'attention_embed_dims'),
    ],
)
def test_what_a_config_gets_wrong_is_told(changes, words):
    with pytest.raises(InputError, match=words):
        head(**changes)
