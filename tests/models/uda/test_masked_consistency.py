import json
from functools import cached_property

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.layers.box import Box
from mmseg.models.networks import Network, Role
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.masked_consistency import MODES, MaskedConsistency, block_mask, draw_blocks
from mmseg.models.uda.pseudo_label import PseudoLabel, trusted
from mmseg.models.uda.strong_augment import Jitter, StrongAugment, StrongParams
from mmseg.registry import MODELS
from tests.models.networks import build
from tests.models.uda.tiny import batch, dacs, segmentor, sgd, with_feature_distance
from tests.parity import fill_module, golden, make_input

BLOCKS, FEEDS, TEACHER, LOSSES = (golden(f'mic_{case}') for case in ('block_mask', 'feeds', 'teacher', 'masked_losses'))
QUICK = {('daformer', 'separatesrc'), ('daformer', 'separatetrg.lambda0.4'), ('hrda', 'separate')}
MIC = {'type': 'MaskedConsistency', 'block_size': 8}


def mic(**settings):
    return dacs(terms=[{**MIC, **settings}], color_jitter_probability=1.0, blur=False)


@pytest.mark.parametrize('case', range(8))
def test_masks_of_given_draws_are_the_reference_s(case):
    height, width, block, ratio = BLOCKS.config['cases_h_w_block_ratio'][case]
    draw = BLOCKS.tensor(f'case{case}.in.draw')
    assert draw_blocks((2, height, width), block).shape == draw.shape
    mask = block_mask(draw, ratio, (height, width))
    assert torch.equal(mask, BLOCKS.tensor(f'case{case}.mask').float())
    img = BLOCKS.inputs()[f'shared.img{case}']
    assert torch.equal((img * mask)[0, 0], BLOCKS.tensor(f'case{case}.masked_img_0_0'))


@pytest.mark.parametrize('seed', [0, 1])
def test_draws_from_a_seed_are_the_reference_s(seed):
    settings = BLOCKS.config['seeded']
    shape = (settings['batch'], settings['h'], settings['w'])
    draw = draw_blocks(shape, settings['block'], generator=torch.Generator().manual_seed(seed))
    expected = BLOCKS.tensor(f'seeded.torch_seed{seed}.mask_per_block')
    assert torch.equal(draw > settings['ratio'], expected.bool())


def test_masks_of_sides_that_blocks_do_not_divide_by_hand():
    """80 / 32 = 2.5 and 112 / 32 = 3.5 are rounded to even: 2 x 4 blocks, of 40 rows and of 28 columns."""
    assert draw_blocks((1, 80, 112), 32).shape == (1, 1, 2, 4)
    draw = torch.tensor([[0.7, 0.71, 0.1, 0.9], [0.8, 0.2, 0.3, 0.69]]).view(1, 1, 2, 4)
    kept = torch.zeros(80, 112)
    kept[:40, 28:56] = kept[:40, 84:] = kept[40:, :28] = 1  # 0.7 itself is not above 0.7
    assert torch.equal(block_mask(draw, 0.7, (80, 112))[0, 0], kept)
    assert draw_blocks((3, 70, 100), 32).shape == (3, 1, 2, 3)
    thirds = block_mask(torch.tensor([0.0, 1.0, 0.0]).view(1, 1, 1, 3), 0.5, (1, 100))[0, 0, 0]
    assert thirds.nonzero().flatten().tolist() == list(range(34, 67))


def test_a_block_larger_than_the_image_is_the_whole_image():
    assert draw_blocks((3, 5, 20), 64).shape == (3, 1, 1, 1)


class Student(nn.Module):
    """A method whose student says the same of everything."""

    labels_target = needs_source = needs_target = True
    strong_augment = StrongAugment(0.2, 0.2, blur=False)

    def segmentation_losses(self, batch, part):
        values = {'decode.loss_seg': 2.0, 'decode.acc_seg': 5.0, 'decode.hr.loss_seg': 0.5, 'decode.hr.acc_seg': 7.0}
        return {name: torch.tensor(value) for name, value in values.items()}


class Feeds:
    """The batch of the case."""

    norm = FEEDS.meta['img_norm']

    @cached_property
    def batch(self):
        mean, std = (torch.tensor(self.norm[key]).view(3, 1, 1) for key in ('mean', 'std'))
        source, target = ((FEEDS.tensor(f'in.{domain}_img').float() - mean) / std for domain in ('source', 'target'))
        label, weight = FEEDS.tensor('in.pseudo_label').long()[:, None], FEEDS.tensor('in.pseudo_weight')[:, None]
        data = {'img_metas': [{'img_norm_cfg': self.norm}] * 2}
        pseudo = PseudoLabel(label, weight, weight)
        return Batch(data, Labelled(source, FEEDS.tensor('in.source_label').long()), target, pseudo)


def reference_jitter(strength: float = 0.2) -> list[Jitter]:
    """Of two images in one call, as the reference draws it from torch's global generator: one order for both."""
    drawn = [torch.rand(2) for _ in range(4)]
    brightness, contrast, hue, saturation = ((strength * (2 * x - 1)).tolist() for x in drawn)
    order = tuple(torch.randperm(4).tolist())
    return [Jitter(1 + brightness[i], 1 + contrast[i], 1 + saturation[i], hue[i], order) for i in range(2)]


CASES = sorted(key.removesuffix('.img') for key in FEEDS.arrays if key.endswith('.img') and 'source_only' not in key)


@pytest.mark.parametrize('case', CASES)
def test_what_the_student_is_trained_on_in_each_mode_is_the_reference_s(case, monkeypatch):
    mode, seed = case.split('.seed')
    drawn = json.loads(str(FEEDS.arrays['draws']))[case]
    torch.manual_seed(int(seed))
    params = StrongParams(
        reference_jitter() if drawn['jitter_on'] else None,
        [np.random.RandomState(int(seed)).uniform(0.15, 1.15)] * 2 if drawn['blur_on'] else None,
    )
    settings = []
    monkeypatch.setattr(StrongAugment, 'draw', lambda self, _: settings.append(self) or params)
    term = MaskedConsistency(mode=mode, block_size=8, weight=0.5 if mode == 'separate' else 1.0)
    method, made = Student(), Feeds().batch
    before = made.source.img.clone(), made.target_img.clone()
    term.attach(method)
    term.prepare(method, made)
    ((prefix, losses),) = term.loss_terms(method, made)
    part = made.parts['masked']
    assert prefix == 'masked'
    atol = 1e-4 if mode.endswith('aug') else 1e-6
    torch.testing.assert_close(part.img, FEEDS.tensor(f'{case}.img'), rtol=0, atol=atol)
    assert torch.equal(part.label, FEEDS.tensor(f'{case}.label').long())
    if drawn['weight_is_none']:
        assert part.weight is None
    else:
        torch.testing.assert_close(part.weight[:, 0], FEEDS.tensor(f'{case}.weight'))
    expected = json.loads(str(FEEDS.arrays[f'{case}.losses']))
    assert {name: value.item() for name, value in losses.items()} == expected
    assert torch.equal(before[0], made.source.img)
    assert torch.equal(before[1], made.target_img)
    assert [each.blur for each in settings] == ([True] if mode.endswith('aug') else [])


def test_the_cases_are_all_modes():
    assert {case.split('.')[0] for case in CASES} == set(MODES)
    assert len(CASES) == 9


class Weights(nn.Module):
    """A student of one matrix, whose prediction is the case's."""

    def __init__(self, matrix, logits):
        super().__init__()
        self.weight = nn.Parameter(matrix)
        self.logits = logits

    def encode_decode(self, img):
        return self.logits


@pytest.mark.parametrize('case', ['alpha0', 'alpha0.9', 'nothr', 'thr0.5'])
def test_a_teacher_of_its_own_follows_and_labels_as_the_reference_s(case):
    given = TEACHER.inputs()
    logits = 3.0 * make_input('mic_teacher.shared.logits', (2, 19, 32, 48))
    students = [given[f'shared.student{i}'] for i in range(3)]
    settings = {
        'alpha0': {'alpha': 0},
        'alpha0.9': {'alpha': 0.9},
        'nothr': {'pseudo_threshold': None},
        'thr0.5': {'pseudo_threshold': 0.5},
    }[case]

    class Method(Student):
        alpha, pseudo_threshold, accumulate, steps = 0.999, 0.968, 1, 0

        def starts_accumulation(self):
            return True

        def trusted(self, pseudo, data):
            return trusted(pseudo, TEACHER.tensor('in.valid_pseudo_mask').bool())

    method, term = Method(), MaskedConsistency(**settings)
    method.model = Weights(students[0].clone(), logits)
    term.attach(method)
    for method.steps, student in enumerate(students):
        method.model.weight.data.copy_(student)
        term.before_step(method)
    torch.testing.assert_close(term.teacher.ema_model.weight.data, TEACHER.tensor(f'{case}.teacher_after_iter2'))
    found = term.pseudo_label(method, Batch({'target_img': None}, Labelled(None, None)))
    torch.testing.assert_close(found.weight[:, 0], TEACHER.tensor(f'{case}.pseudo_weight'))
    assert torch.equal(found.label[:, 0], TEACHER.tensor(f'{case}.pseudo_label').long())


def test_there_is_a_teacher_of_its_own_exactly_where_the_reference_has_one():
    rows = json.loads(str(TEACHER.arrays['own_teacher_require_alpha_threshold_result']))
    assert len(rows) == 18
    for required, alpha, threshold, expected in rows:
        method = Student()
        method.model = Weights(torch.zeros(1), None)
        method.labels_target = not required
        term = MaskedConsistency(alpha=alpha, pseudo_threshold=threshold)
        if required and 'same' in (alpha, threshold):  # the reference took 'same' to be numbers that nobody had named
            with pytest.raises(InputError, match='Student has none'):
                term.attach(method)
        else:
            term.attach(method)
            assert (term.teacher is not None) is expected


@pytest.mark.parametrize(
    ('network', 'case'),
    [
        pytest.param(network, case, marks=[] if (network, case) in QUICK else [pytest.mark.slow])
        for network in ('daformer', 'hrda')
        for case in ('separate', 'separatesrc', 'separatetrg', 'separatetrg.lambda0.4')
    ],
)
def test_losses_and_gradients_of_the_masked_pass_are_the_reference_s(network, case):
    given, (mode, *weight) = LOSSES.inputs(), case.split('.lambda')
    model = MODELS.build({'type': 'DACS', 'model': segmentor(), 'max_iters': 1})
    model.model = fill_module(build(LOSSES.config['models'][network])).train()
    if network == 'hrda':
        model.model.draw_view = lambda *_: Box(*LOSSES.tensor('in.hr_crop_box').tolist())
    term = MaskedConsistency(mode=mode, block_size=32, weight=float(*weight or [1]))
    draw = LOSSES.tensor('in.mask_draw')
    term.draw_mask = lambda img: block_mask(draw, 0.7, img.shape[2:])
    label, weights = LOSSES.tensor('in.pseudo_label').long()[:, None], LOSSES.tensor('in.pseudo_weight')[:, None]
    source = Labelled(given['shared.source'], LOSSES.tensor('in.source_label').long())
    made = Batch({}, source, given['shared.target'], PseudoLabel(label, weights, weights))
    term.prepare(model, made)
    ((_, losses),) = term.loss_terms(model, made)
    total, values = model.model.parse_losses(losses)
    total.backward()
    values = {name: value.item() for name, value in values.items()} | {'loss': total.item()}
    assert values == pytest.approx(json.loads(str(LOSSES.arrays[f'{network}.{case}.log_vars'])), rel=1e-5)
    for part, norm in json.loads(str(LOSSES.arrays[f'{network}.{case}.grad_l2'])).items():
        gradients = [p.grad.norm() for p in model.model.get_submodule(part).parameters()]
        assert torch.stack(gradients).norm().item() == pytest.approx(norm, rel=5e-3), part


@pytest.mark.parametrize('fuse', [False, True])
def test_the_masked_pass_is_worked_out_by_hand_and_descended_with_the_others(fuse):
    model = dacs(terms=[{**MIC, 'mode': 'separatetrg', 'weight': 0.5}], fuse_forward=fuse, blur=False)
    torch.manual_seed(4)
    logged = model.train_step(batch(), sgd(model, lr=0.0))
    step = model.last_step
    assert (step.extra['masked image'] == 0).all(dim=1).float().mean() > 0.3
    logits = model.model.decode_head(model.model.extract_feat(step.extra['masked image']))
    logits = F.interpolate(logits, (32, 32), mode='bilinear')
    loss = F.cross_entropy(logits, step.pseudo_label.squeeze(1), reduction='none') * step.pseudo_weight.squeeze(1)
    torch.testing.assert_close(logged['masked.decode.loss_seg'], 0.5 * loss.mean())
    names = ['decode.loss_seg', 'mix.decode.loss_seg', 'masked.decode.loss_seg']
    torch.testing.assert_close(logged['loss'], sum(logged[name] for name in names))
    alone = dacs(blur=False, fuse_forward=fuse)
    torch.manual_seed(4)
    other = alone.train_step(batch(), sgd(alone, lr=0.0))
    torch.testing.assert_close(logged['loss'], other['loss'] + logged['masked.decode.loss_seg'])


def test_the_debug_figure_shows_the_masked_image_and_what_was_learned_from_it():
    model = mic()
    model.train_step(batch(), sgd(model))
    titles = ['masked image', 'masked label', 'masked weight (white: 1)', 'masked prediction']
    assert list(model.last_step.extra) == titles


def test_its_own_teacher_has_the_published_name_and_starts_as_the_student():
    model = mic(alpha=0.5)
    assert Network('mic.teacher.ema_model', model.mic.teacher.ema_model, Role.FOLLOWS) in model.networks()
    assert 'mic.teacher.ema_model.decode_head.conv_seg.weight' in model.state_dict()
    assert not any(key.startswith('mic') for key in mic().state_dict())
    model.init_weights()
    teacher = model.mic.teacher.ema_model.decode_head.conv_seg.weight
    assert torch.equal(teacher, model.model.decode_head.conv_seg.weight)


def test_a_teacher_of_its_own_keeps_its_share_of_itself():
    model = mic(alpha=0.5)
    weights = [model.model.decode_head.conv_seg.weight.detach().clone()]
    for seed in range(3):
        model.train_step(batch(seed), sgd(model))
        weights.append(model.model.decode_head.conv_seg.weight.detach().clone())
    expected = 0.5 * (0.5 * weights[0] + 0.5 * weights[1]) + 0.5 * weights[2]
    torch.testing.assert_close(model.mic.teacher.ema_model.decode_head.conv_seg.weight.data, expected)


@pytest.mark.parametrize('method', ['DACSPlus', 'SourceOnly'])
def test_it_stands_on_other_methods(method):
    settings = {'soft': 0.9} if method == 'DACSPlus' else {}
    mode = 'separatesrcaug' if method == 'SourceOnly' else 'separate'
    cfg = {'type': method, 'model': segmentor(), 'max_iters': 3, 'terms': [{**MIC, 'mode': mode}], **settings}
    model = MODELS.build(cfg).train()
    for seed in range(2):
        logged = model.train_step(batch(seed), sgd(model))
    assert logged['masked.decode.loss_seg'] > 0


def test_the_feature_distance_and_the_masks_go_together_in_half_precision():
    model = dacs(terms=[MIC], **with_feature_distance())
    wrapper = sgd(model)
    wrapper.optim_context = lambda model: torch.autocast('cpu', torch.bfloat16)
    for seed in range(2):
        logged = model.train_step(batch(seed), wrapper)
    assert all(value.isfinite() for value in logged.values())


def test_it_never_waits_for_a_value_of_the_device():
    model = dacs(terms=[{**MIC, 'alpha': 0.9}], color_jitter_probability=0.0).to('meta')
    data = {key: value.to('meta') if isinstance(value, torch.Tensor) else value for key, value in batch().items()}
    for _ in range(4):
        logged = model.train_step(data, sgd(model))
    assert logged['masked.decode.loss_seg'].device.type == 'meta'


def vit(**backbone) -> dict:
    small = {'img_size': 32, 'patch_size': 8, 'embed_dims': 16, 'num_layers': 2, 'num_heads': 2, 'out_indices': [0, 1]}
    head = {'type': 'FCNHead', 'in_channels': 16, 'in_index': 1, 'channels': 8, 'num_convs': 1, 'num_classes': 6}
    return {
        'type': 'EncoderDecoder',
        'backbone': {'type': 'VisionTransformer', **small, **backbone},
        'decode_head': {**head, 'dropout_ratio': 0.0, 'concat_input': False},
    }


def test_hidden_tokens_are_the_mask_token_and_nothing_of_the_image():
    model = dacs(model=vit(mask_token=True), terms=[{**MIC, 'hidden': 'tokens'}], pseudo_threshold=0.0)
    model.init_weights()
    hidden = torch.rand(2, 1, 4, 4) < 0.5
    img, encoder = batch()['img'], model.model.backbone
    shown = ~hidden.repeat_interleave(8, 2).repeat_interleave(8, 3)
    for level, other in zip(encoder(img, hidden), encoder(img * shown, hidden), strict=True):
        torch.testing.assert_close(level, other)
    assert not torch.equal(encoder(img, hidden)[1], encoder(img)[1])
    logged = model.train_step(batch(), sgd(model))
    assert logged['masked.decode.loss_seg'] > 0
    assert encoder.mask_token.grad.any()
    assert model.last_step.extra['masked tokens (white: hidden)'].shape == (2, 1, 4, 4)


def test_seventy_percent_of_the_tokens_are_hidden():
    model = dacs(model=vit(mask_token=True), terms=[{**MIC, 'hidden': 'tokens'}])
    hidden = model.mic.draw_hidden(model.model.backbone, torch.zeros(4, 3, 400, 396))
    assert hidden.shape == (4, 1, 50, 50)
    assert hidden.float().mean().item() == pytest.approx(0.7, abs=0.02)


def test_an_encoder_without_a_mask_token_is_refused():
    for network in (segmentor(), vit()):
        with pytest.raises(InputError, match=r'mask_token=True'):
            dacs(model=network, terms=[{**MIC, 'hidden': 'tokens'}])


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'mode': 'separatetgt'}, "Did you mean 'separatetrg'"),
        ({'block_size': 0}, 'block_size'),
        ({'ratio': 1.1}, 'ratio'),
        ({'weight': 0}, 'weight'),
        ({'alpha': 'as the method'}, 'alpha'),
        ({'pseudo_threshold': 2}, 'pseudo_threshold'),
        ({'color_jitter_strength': 0.7}, r'color_jitter_strength'),
        ({'blocksize': 8}, "Did you mean 'block_size'"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, words):
    with pytest.raises(InputError, match=words):
        mic(**settings)


def test_modes_that_a_method_or_a_batch_cannot_have_are_refused():
    with pytest.raises(InputError, match='there are no target images'):
        MODELS.build({'type': 'SourceOnly', 'model': segmentor(), 'max_iters': 1, 'terms': [MIC]})
    model, data = mic(mode='separate'), batch()
    data = {key: value[:1] for key, value in data.items()}
    with pytest.raises(InputError, match=r'of a batch of 1: set data\.samples_per_gpu to an even number'):
        model.train_step(data, sgd(model))
