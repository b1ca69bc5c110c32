"""HRDA's network against the reference's numbers, within the tolerances of the parity data."""

import json
from collections.abc import Mapping
from copy import copy
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.decode_heads.hrda_head import ScaleLogits
from mmseg.models.layers.box import Box
from mmseg.models.segmentors import encoder_decoder
from mmseg.models.segmentors.hrda_encoder_decoder import HRDAEncoderDecoder
from mmseg.registry import MODELS
from tests.models.networks import build, daformer_head, tiny_backbone
from tests.parity import Golden, fill_module, golden, manifest, shapes

QUICK = [f'hrda_train_{case}' for case in ('fullcrop', 'dlv2')]
SLOW = [
    pytest.param(f'hrda_train{case}', marks=pytest.mark.slow)
    for case in ('', '_wide', '_nodetail', '_fixedatt', '_singleatt', '_samescale', '_blurhr', '_sc025', '_sc075')
]


def built(reference: Golden, **changes) -> HRDAEncoderDecoder:
    return fill_module(build({**reference.config, **changes}))


def assert_stored(reference: Golden, key: str, value: Tensor, atol: float) -> None:
    """``value`` is what the reference stores of it, strided as its ``slices`` say, and has the same statistics."""
    stride = reference.meta.get('slices', {}).get(key, '[:, :, ::1').rsplit('::', 1)[1].rstrip(']')
    strided = value[:, :, :: int(stride), :: int(stride)]
    torch.testing.assert_close(strided, reference.tensor(key), rtol=0, atol=atol, msg=lambda m: f'{key}: {m}')
    if f'{key}.stats' in reference.arrays:
        mean, _, norm, lowest, highest = reference.arrays[f'{key}.stats']
        whole = value.double()
        assert whole.mean().item() == pytest.approx(mean, abs=atol)
        assert whole.norm().item() == pytest.approx(norm, rel=1e-4)
        assert whole.min().item() == pytest.approx(lowest, abs=atol)
        assert whole.max().item() == pytest.approx(highest, abs=atol)


@pytest.mark.parametrize('case', [*QUICK, *SLOW])
def test_predictions_losses_gradients_and_statistics_equal_the_reference(case):
    reference, loose = golden(case), case.endswith('dlv2')
    segmentor = built(reference).train()
    (img,) = reference.inputs().values()
    features = segmentor.extract_feat(img, view=Box(*reference.arrays['in.hr_crop_box'].tolist()))
    assert [np.shape(level) for level in features.context] == [tuple(s) for s in reference.arrays['feature_shapes'][0]]
    logits = segmentor.training_logits(features)
    assert_predictions(reference, logits['decode'], 2e-3 if loose else 1e-4)
    for key in [key for key in reference.arrays if key.startswith('buffer.')]:
        value = segmentor.get_buffer(key.removeprefix('buffer.')).to(reference.tensor(key).dtype)
        torch.testing.assert_close(value, reference.tensor(key), rtol=1e-4, atol=1e-5)
    for kind, weight in (('plain', None), ('weighted', reference.tensor('in.seg_weight'))):
        losses = segmentor.losses_of(logits, reference.tensor('in.label').long(), weight)
        assert_losses_and_gradients(reference, kind, segmentor, losses, loose)


def assert_predictions(reference: Golden, logits: ScaleLogits, atol: float) -> None:
    assert_stored(reference, 'fused_seg', logits.fused, atol)
    assert_stored(reference, 'lr_seg', logits.context, atol)
    assert_stored(reference, 'hr_seg', logits.detail, atol)
    if 'attention_before_crop_mask' in reference.arrays:
        assert_stored(reference, 'attention_before_crop_mask', logits.attention, atol)


def assert_losses_and_gradients(
    reference: Golden, kind: str, segmentor: HRDAEncoderDecoder, losses: dict[str, Tensor], loose: bool
) -> None:
    segmentor.zero_grad()
    loss, values = segmentor.parse_losses(losses)
    loss.backward(retain_graph=True)
    values['loss'] = loss.detach()
    expected = json.loads(str(reference.arrays[f'{kind}.log_vars']))
    assert list(values) == list(expected)
    for name, value in expected.items():
        tolerance = {'rel': 2e-5 if loose else 1e-5} if 'loss' in name else {'abs': 0.02}
        assert values[name].item() == pytest.approx(value, **tolerance), name
    gradients = {name: p.grad for name, p in segmentor.named_parameters() if p.grad is not None}
    assert list(gradients) == json.loads(str(reference.arrays[f'{kind}.grad_names']))
    for (name, gradient), norm in zip(gradients.items(), reference.arrays[f'{kind}.grad_l2'], strict=True):
        if norm > 1e-6:
            assert gradient.norm().item() == pytest.approx(norm, rel=3e-2 if loose else 5e-3), name


@pytest.fixture(scope='module')
def tested() -> tuple[Golden, HRDAEncoderDecoder]:
    reference = golden('hrda_infer')
    return reference, built(reference, test_cfg={'mode': 'whole'}).eval()


def changed(segmentor: HRDAEncoderDecoder, **attributes: object) -> HRDAEncoderDecoder:
    """The same network with other settings."""
    other = copy(segmentor)
    for name, value in attributes.items():
        setattr(other, name, value)
    return other


@torch.no_grad()
@pytest.mark.parametrize(
    'case', ['overlap', *(pytest.param(name, marks=pytest.mark.slow) for name in ('nooverlap', 'noslide', 'blurhr'))]
)
def test_windows_and_logits_of_a_test_image_equal_the_reference(tested, case):
    reference, segmentor = tested
    settings = {'nooverlap': {'overlaps': False}, 'noslide': {'slides': False}, 'blurhr': {'blurs_detail': True}}
    segmentor = changed(segmentor, **settings.get(case, {}))
    img = reference.inputs()['img']
    features = segmentor.extract_feat(img)
    if case == 'noslide':
        assert features.boxes == [Box(0, 128, 0, 192)]
    else:
        assert [list(box) for box in features.boxes] == reference.arrays[f'{case}.detail_boxes'].tolist()
        assert len(features.detail[0]) == reference.arrays.get(f'{case}.detail_batch', 30)
    maps = segmentor.decode_head.embed(features)
    logits = segmentor.decode_head.logits_of(maps)
    assert_stored(reference, f'{case}.fused_seg', logits.fused, 5e-5)
    assert_stored(reference, f'{case}.encode_decode', segmentor.encode_decode(img), 5e-5)
    if case == 'overlap':
        assert_stored(reference, 'overlap.lr_seg', logits.context, 5e-5)
        assert_stored(reference, 'overlap.attention', logits.attention, 5e-5)
        assert_stored(reference, 'overlap.hr_seg', segmentor.decode_head.logits_of(maps, 1.0).fused, 5e-5)
        assert_stored(reference, 'attention_map.encode_decode', segmentor.part_logits(img, 'attention'), 5e-5)


@torch.no_grad()
def test_images_of_any_size_give_the_reference_s_logits_where_it_has_some(tested):
    reference, segmentor = tested
    inputs = reference.inputs()
    assert_stored(reference, 'odd_grid.encode_decode', segmentor.encode_decode(inputs['odd']), 5e-5)
    small = changed(segmentor, crop=(96, 96)).encode_decode(inputs['small'])
    assert_stored(reference, 'small.crop96.encode_decode', small, 5e-5)


@torch.no_grad()
@pytest.mark.parametrize('batched', [pytest.param(False, marks=pytest.mark.slow), True])
def test_outer_windows_one_by_one_or_together_give_the_reference_s_logits(tested, batched):
    reference, segmentor = tested
    cfg = {**reference.config['test_cfg'], 'batched_slide': batched}
    segmentor = changed(segmentor, test_cfg=encoder_decoder.TestSettings(**cfg))
    big = reference.inputs()['big']
    assert_stored(reference, 'slide.logits', segmentor.test_logits(big), 5e-5)
    if batched:
        found = segmentor.simple_test(big, {'ori_shape': (200, 290)})
        assert_labels_equal(found[0], reference, 'slide.simple_test')


def assert_labels_equal(found: Tensor, reference: Golden, name: str) -> None:
    sure = reference.tensor(f'{name}.margin') > 1e-4
    assert sure.float().mean() > 0.99
    assert torch.equal(found[sure], reference.tensor(name).long()[sure])


@pytest.mark.slow
@torch.no_grad()
def test_label_maps_rescaled_logits_and_those_of_deeplab_equal_the_reference(tested):
    reference, segmentor = tested
    inputs = reference.inputs()
    found = segmentor.simple_test(inputs['img'], {'ori_shape': (128, 192)})
    assert_labels_equal(found, reference, 'overlap.label')
    dlv2 = built(golden('hrda_train_dlv2')).eval()
    assert_stored(reference, 'dlv2.encode_decode', dlv2.encode_decode(inputs['dlv2']), 5e-5)


@pytest.mark.slow
@torch.no_grad()
def test_the_teacher_s_batch_norms_see_the_context_then_all_windows():
    reference = golden('hrda_infer')
    segmentor = built(reference).train()
    assert_stored(reference, 'trainmode.encode_decode', segmentor.encode_decode(reference.inputs()['img']), 5e-5)
    stored = [key for key in reference.arrays if key.startswith('trainmode.buffer.')]
    assert len(stored) == 4
    for key in stored:
        value = segmentor.get_buffer(key.removeprefix('trainmode.buffer.'))
        torch.testing.assert_close(value, reference.tensor(key).to(value.dtype), rtol=1e-4, atol=1e-5)


def tiny(*, head: Mapping[str, object] = MappingProxyType({}), **changes: object) -> HRDAEncoderDecoder:
    return MODELS.build(
        {
            'type': 'HRDAEncoderDecoder',
            'backbone': tiny_backbone(),
            'decode_head': {**daformer_head(), 'type': 'HRDAHead', 'single_scale_head': 'DAFormerHead', **head},
            'hr_crop_size': (32, 32),
            **changes,
        }
    )


def test_names_and_shapes_of_the_published_segmentor():
    segmentor = build(golden('hrda_train').config)
    assert list(shapes(segmentor).items()) == list(manifest('seg_hrda_daformer_sepaspp_mitb0').items())


@torch.no_grad()
@pytest.mark.parametrize('size', [(70, 90), (64, 40), (33, 128), (24, 40)])
def test_test_images_of_any_size_are_predicted_as_if_more_background_were_to_be_seen(size):
    torch.manual_seed(0)
    segmentor = tiny().eval()
    img = torch.randn(1, 3, *size)
    padded = torch.zeros(1, 3, *(-(-side // 8) * 8 for side in size))
    padded[:, :, : size[0], : size[1]] = img
    for part in ('fused', *segmentor.parts, *segmentor.value_parts):
        logits = segmentor.part_logits(img, part)
        assert logits.shape == (1, 1 if part == 'attention' else 5, *size)
        assert torch.equal(logits, segmentor.part_logits(padded, part)[:, :, : size[0], : size[1]])
        assert logits.isfinite().all()


@torch.no_grad()
def test_parts_are_seen_through_the_outer_windows_too():
    torch.manual_seed(0)
    slide = {'mode': 'slide', 'crop_size': (64, 64), 'stride': (32, 32)}
    img = torch.randn(2, 3, 64, 96)
    segmentor = tiny(test_cfg=slide).eval()
    left, right = (segmentor.part_logits(img[..., x : x + 64], 'context') for x in (0, 32))
    found = segmentor.test_part(img, 'context')
    torch.testing.assert_close(found[..., :32], left[..., :32])
    torch.testing.assert_close(found[..., 32:64], (left[..., 32:] + right[..., :32]) / 2)
    together = segmentor
    together.test_cfg = encoder_decoder.TestSettings(**slide, batched_slide=True)
    torch.testing.assert_close(together.test_part(img, 'context'), found)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'scales': (2, 1)}, r'model\.scales must be 1 for the detail'),
        ({'scales': (1, 0.5, 0.25)}, r'model\.scales must be 1 for the detail'),
        ({'hr_crop_size': (36, 32)}, r'model\.hr_crop_size must be two multiples of crop_coord_divisible=8'),
        ({'crop_coord_divisible': 0}, r'crop_coord_divisible must be a whole number'),
        ({'feature_scale': 1}, r"feature_scale must be 0\.5 \(the context's\) or 'all'"),
        ({'decode_head': daformer_head()}, r"needs decode_head\.type='HRDAHead'"),
        ({'auxiliary_head': {**daformer_head()}}, 'takes no auxiliary_head'),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        tiny(**changes)


def test_training_images_whose_sides_do_not_fit_the_grid_are_refused():
    with pytest.raises(InputError, match=r'Training images of \(64, 68\).*multiple of model\.crop_coord_divisible=8'):
        tiny().draw_view((2, 3, 64, 68))


@pytest.mark.parametrize('scale', [0.5, 'all'])
def test_the_feature_distance_sees_the_context_or_also_the_detail_crop_with_its_label(scale):
    segmentor = tiny(feature_scale=scale).eval()
    img, label = torch.randn(1, 3, 64, 96), torch.randint(5, (1, 1, 64, 96))
    box = Box(8, 40, 16, 48)
    pairs = segmentor.compared(segmentor.extract_feat(img, box), segmentor.reference_features(img, box), label)
    half = F.interpolate(img, scale_factor=0.5, mode='bilinear')
    seen = [
        (segmentor.backbone(half)[-1], label),
        (segmentor.backbone(img[..., 8:40, 16:48])[-1], label[..., 8:40, 16:48]),
    ]
    assert len(pairs) == (2 if scale == 'all' else 1)
    for pair, (features, part) in zip(pairs, seen, strict=False):
        torch.testing.assert_close(pair.map, features)
        torch.testing.assert_close(pair.reference, features)
        assert torch.equal(pair.label, part)


@pytest.mark.parametrize(
    ('shape', 'scale', 'classwise', 'box'),
    [
        ((3, 72, 88), 0.5, False, Box(8, 40, 24, 64)),
        ((1, 136, 104), 0.75, True, Box(40, 104, 16, 64)),  # 25.5 x 19.5 cells of context
        ((3, 128, 160), 0.25, True, Box(64, 128, 80, 160)),
        ((2, 64, 64), 1, True, Box(0, 64, 0, 64)),
    ],
)
def test_training_passes_of_any_batch_size_and_scale_are_those_of_the_formulas(shape, scale, classwise, box):
    """Every step written out, with the decoder's stride of 4 as a number."""
    settings = {'attention_classwise': classwise, 'hr_loss_weight': 0.3, 'lr_loss_weight': 0.2}
    torch.manual_seed(0)
    model = tiny(hr_crop_size=box.size, scales=[scale, 1], feature_scale=scale, head=settings).train()
    batch, height, width = shape
    img, label = torch.randn(batch, 3, height, width), torch.randint(5, (batch, height, width))
    weight = torch.rand(batch, height, width)
    found = model.training_logits(model.extract_feat(img, box))
    losses = model.losses_of(found, label[:, None], weight)

    head, (top, bottom, left, right) = model.decode_head, box
    features = model.backbone(img if scale == 1 else F.interpolate(img, scale_factor=scale, mode='bilinear'))
    context, attention = head.head(features), head.scale_attention(features).sigmoid()
    detail = head.head(model.backbone(img[:, :, top:bottom, left:right]))
    seen = torch.zeros(attention.shape[2:])
    seen[int(top * scale / 4) : int(bottom * scale / 4), int(left * scale / 4) : int(right * scale / 4)] = 1
    attention = attention * seen
    placed = torch.zeros(batch, 5, height // 4, width // 4)
    placed[:, :, top // 4 : bottom // 4, left // 4 : right // 4] = detail
    weighted = (1 - attention) * context

    def up(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=1 / scale, mode='bilinear')

    fused = up(attention) * placed + up(weighted)
    assert fused.shape == found['decode'].fused.shape
    torch.testing.assert_close(found['decode'].fused, fused)

    def loss(logits: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        whole = F.interpolate(logits, label.shape[1:], mode='bilinear')
        return (F.cross_entropy(whole, label, reduction='none') * weight).mean()

    inside = (slice(None), slice(top, bottom), slice(left, right))
    torch.testing.assert_close(losses['decode.loss_seg'], 0.5 * loss(fused, label, weight))
    torch.testing.assert_close(losses['decode.lr.loss_seg'], 0.2 * loss(weighted, label, weight))
    torch.testing.assert_close(losses['decode.hr.loss_seg'], 0.3 * loss(detail, label[inside], weight[inside]))
