import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.uda.soft_paste import Template, long_tail_first
from tests.models.uda.plus import STILL_IMAGES, build, full_batch
from tests.models.uda.tiny import batch, sgd


def test_long_tail_pixels_join_image_label_and_mask_as_one():
    template = Template(
        img=torch.tensor([[[[1.0, 2.0, 3.0]]]]),
        label=torch.tensor([[[[0, 1, 1]]]]),
        mask=torch.tensor([[[[True, False, False]]]]),
    )
    data = {'paste_img': torch.tensor([[[[7.0, 8.0, 9.0]]]]), 'paste_label': torch.tensor([[[[255, 4, 255]]]])}
    pasted = long_tail_first(template, data, ignore_index=255)
    assert pasted.img.tolist() == [[[[1.0, 8.0, 3.0]]]]
    assert pasted.label.tolist() == [[[[0, 4, 1]]]]
    assert pasted.mask.tolist() == [[[[True, True, False]]]]


@pytest.mark.parametrize('soft', [None, 0.9])
def test_pasted_pixels_show_the_donor_with_its_class_and_weight_one(soft):
    model, data = build(soft=soft, soft_paste=True, pseudo_weight_ignore_top=12, **STILL_IMAGES), full_batch()
    model.train_step(data, sgd(model))
    step, pasted = model.last_step, data['paste_label'] != 255
    assert pasted.any()
    assert step.mix_mask[pasted].all()
    assert torch.equal(step.mixed_label[pasted], data['paste_label'][pasted])
    assert step.mixed_weight[pasted].unique().tolist() == [1.0]
    strength = 1.0 if soft is None else soft
    wanted = strength * data['paste_img'] + (1 - strength) * data['target_img']
    where = pasted.expand_as(wanted)
    torch.testing.assert_close(step.mixed_img[where], wanted[where])


def test_the_other_pixels_are_mixed_as_without_the_paste():
    steps = []
    for soft_paste in (False, True):
        model, data = build(soft_paste=soft_paste, **STILL_IMAGES), full_batch()
        torch.manual_seed(1)
        model.train_step(data, sgd(model))
        steps.append(model.last_step)
    others = data['paste_label'] == 255
    for name in ('mix_mask', 'mixed_label', 'mixed_weight'):
        plain, pasted = (getattr(step, name) for step in steps)
        assert torch.equal(plain[others], pasted[others])
    assert not torch.equal(steps[0].mixed_img, steps[1].mixed_img)


def test_the_source_loss_sees_the_source_image_without_the_paste():
    model, data = build(soft_paste=True), full_batch()
    made = model.make_batch(data)
    assert made.source.img is data['img']
    assert made.source.label is data['gt_semantic_seg']


def test_the_debug_pictures_show_what_was_pasted_and_into_what():
    model, data = build(soft_paste=True), full_batch()
    model.train_step(data, sgd(model))
    extra = model.last_step.extra
    assert torch.equal(extra['long-tail pixels pasted'], data['paste_label'])
    pasted = data['paste_label'] != 255
    assert torch.equal(extra['template image'], torch.where(pasted, data['paste_img'], data['img']))


def test_pasting_without_drawn_pixels_is_refused_with_the_way_out():
    model = build(soft_paste=True)
    with pytest.raises(InputError, match=r'data\.train\.long_tail_paste'):
        model.train_step(batch(), sgd(model))


@pytest.mark.parametrize('soft_paste', [0.9, None, [12]])
def test_the_switch_is_true_or_false(soft_paste):
    with pytest.raises(InputError, match=r'soft_paste=.* takes True or False'):
        build(soft_paste=soft_paste)
