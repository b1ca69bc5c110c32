import pytest
import torch
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.layers import resize
from mmseg.models.uda.dsp import masked
from tests.models.uda.plus import STILL_IMAGES, build, full_batch, gradient_of
from tests.models.uda.tiny import batch, sgd

TERMS = {'projection': 4, 'mmd': {'weight': 0.5, 'estimate': 'biased'}, 'masked_mmd': {'weight': 0.25}}


def dsp(**uda):
    return build('DSP', **TERMS, **STILL_IMAGES, **uda)


def test_one_template_is_pasted_on_the_target_and_on_the_source():
    model, data = dsp(soft=0.8), full_batch()
    made = model.make_batch(data)
    pasted = data['paste_label'] != 255
    template = torch.where(pasted, data['paste_img'], data['template_img'])
    label = torch.where(pasted, data['paste_label'], data['template_gt_semantic_seg'])
    m = made.mix_mask
    assert m[pasted].all()
    for mixed, below, below_label in [
        (made.mixed, data['target_img'], made.pseudo.label),
        (made.onto_source, data['img'], data['gt_semantic_seg']),
    ]:
        torch.testing.assert_close(mixed.img, 0.8 * m * template + (1 - 0.8 * m.float()) * below)
        assert torch.equal(mixed.label, torch.where(m, label, below_label))
    assert torch.equal(made.mixed.weight, torch.where(m, 1.0, made.pseudo.weight))
    assert made.onto_source.weight is None
    assert made.source.img is data['img']


def test_classes_are_drawn_from_the_second_image_each_from_its_own():
    model, data = dsp(soft_paste=False), full_batch()
    data['template_gt_semantic_seg'] = torch.stack([torch.full((1, 32, 32), c) for c in (1, 4)])
    assert model.make_batch(data).mix_mask.all()  # the one class of each image is the half that is drawn


def test_both_pastes_are_augmented_alike():
    model, data = build('DSP', color_jitter_probability=0.0, color_jitter_strength=0.5), full_batch()
    data['target_img'] = data['img']  # then both pastes are the same image
    for _ in range(3):
        made = model.make_batch(data)
        torch.testing.assert_close(made.mixed.img, made.onto_source.img)


def test_the_objective_is_the_sum_of_all_its_terms_worked_out_by_hand():
    model, data = dsp(soft=0.7), full_batch()
    made = model.make_batch(data)
    terms = {f'{prefix}.{name}': value for prefix, losses in model.loss_terms(made) for name, value in losses.items()}

    def entropy(part, label, weight=1.0):
        logits = resize(model.model.decode_head(part.features), (32, 32))
        return (weight * F.cross_entropy(logits, label.squeeze(1), reduction='none')).mean()

    w = made.mixed.weight.squeeze(1)
    source, mixed, onto_source = made.source, made.mixed, made.onto_source
    expected = {
        '.decode.loss_seg': entropy(source, source.label),
        'ss.decode.loss_seg': 0.7 * entropy(onto_source, onto_source.label) + 0.3 * entropy(onto_source, source.label),
        'mix.decode.loss_seg': 0.7 * entropy(mixed, mixed.label, w) + 0.3 * entropy(mixed, made.pseudo.label, w),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)
    assert {name for name in terms if 'loss' in name} == {*expected, 'mix.loss_mmd', 'mix.loss_masked_mmd'}


def test_a_mask_weighs_features_by_the_share_it_covers():
    """The mean of nearest upsampled features under lambda M, without upsampling."""
    generator = torch.Generator().manual_seed(0)
    feature, mask = torch.randn(2, 3, 4, 4, generator=generator), torch.rand(2, 1, 32, 32, generator=generator) > 0.6
    upsampled = F.interpolate(feature, size=(32, 32), mode='nearest')
    expected = (upsampled * 0.9 * mask).mean(dim=(2, 3))
    torch.testing.assert_close(masked([feature], mask, 0.9)[0].mean(dim=(2, 3)), expected)


def test_both_discrepancies_move_student_and_projection():
    model = dsp()
    made = model.make_batch(full_batch())
    *_, (_, losses) = model.loss_terms(made)
    for name in ('loss_mmd', 'loss_masked_mmd'):
        assert max(g.abs().max() for g in gradient_of(model, losses[name])) > 0
        (grad,) = torch.autograd.grad(losses[name], model.projection.weight, retain_graph=True)
        assert grad.abs().max() > 0


def test_a_run_moves_the_student_and_never_the_teacher_by_gradient():
    model = dsp()
    before = [p.detach().clone() for p in model.model.parameters()]
    optimizer = sgd(model)
    for seed in range(2):
        logged = model.train_step(full_batch(seed), optimizer)
    assert any(not torch.equal(p, q) for p, q in zip(before, model.model.parameters(), strict=True))
    assert all(p.grad is None for p in model.ema_model.parameters())
    assert all(value.isfinite() for value in logged.values())


def test_without_discrepancies_there_is_no_projection():
    model = build('DSP')
    assert not any(key.startswith('projection') for key in model.state_dict())
    assert not any('mmd' in name for name in model.train_step(full_batch(), sgd(model)))


def test_a_step_never_waits_for_a_value_of_the_device():
    model = dsp().to('meta')
    data = {key: value.to('meta') if isinstance(value, torch.Tensor) else value for key, value in full_batch().items()}
    for _ in range(2):
        model.train_step(data, sgd(model))


def test_the_debug_pictures_show_the_second_paste():
    model = dsp()
    model.train_step(full_batch(), sgd(model))
    assert {'soft mask (white: source)', 'template image', 'source-on-source image', 'source-on-source label'} <= (
        model.last_step.extra.keys()
    )


@pytest.mark.parametrize(
    ('setting', 'message'),
    [
        ({'soft': 0}, r'uda\.soft'),
        ({'soft': None}, 'DSP: soft=None'),
        ({'fuse_forward': True}, r'uda\.fuse_forward.*three images'),
        ({'projection': 0, 'mmd': {'weight': 1.0}}, r'uda\.projection'),
        ({'masked_mmd': 0.005}, 'masked_mmd=0.005'),
        ({'mmd': {'weight': 0}}, r'uda\.mmd\.weight'),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(setting, message):
    with pytest.raises(InputError, match=message):
        build('DSP', **setting)


def test_a_loader_without_a_second_source_is_refused_with_the_way_out():
    model = build('DSP', soft_paste=False)
    with pytest.raises(InputError, match=r'data\.train\.second_source=True'):
        model.train_step(batch(), sgd(model))
