import copy

import pytest
import torch

from mmseg.errors import InputError
from mmseg.registry import MODELS
from tests.models.uda.tiny import batch, segmentor, sgd

MASKED = {'type': 'MaskedConsistency', 'block_size': 8}


def built(kind='SourceFree', **uda):
    torch.manual_seed(0)
    settings = {'max_iters': 8, 'debug_img_interval': 1, 'color_jitter_strength': 0.1, **uda}
    return MODELS.build({'type': kind, 'model': segmentor(), **settings}).train()


def source_free(**uda):
    return built(pseudo_threshold=0.2, **uda)


def target_alone():
    return {key: value for key, value in batch().items() if key.startswith('target')}


def test_the_student_learns_from_augmented_images_what_the_teacher_says_of_them_as_they_are():
    model = source_free(alpha=1.0, terms=[MASKED])
    data = target_alone()
    expected = copy.deepcopy(model.ema_model).encode_decode(data['target_img']).argmax(1, keepdim=True)
    torch.manual_seed(1)
    logged = model.train_step(data, sgd(model))
    assert set(logged) == {
        'loss', 'trg.decode.loss_seg', 'trg.decode.acc_seg', 'masked.decode.loss_seg', 'masked.decode.acc_seg',
    }  # fmt: skip
    step = model.last_step
    assert torch.equal(step.pseudo_label, expected)
    assert torch.equal(step.extra['augmented label'], expected)
    assert not torch.equal(step.extra['augmented image'], data['target_img'])
    assert step.source_img is None
    torch.testing.assert_close(logged['loss'], logged['trg.decode.loss_seg'] + logged['masked.decode.loss_seg'])


def test_the_teacher_starts_as_the_student_and_follows_slowly_from_the_first_move_on():
    model = source_free(alpha=0.9)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.add_(0.1)  # as load_from does, when the teacher was made already
    start = [parameter.clone() for parameter in model.model.parameters()]
    optimizer = sgd(model, lr=0.1)
    model.train_step(target_alone(), optimizer)
    for own, expected in zip(model.ema_model.parameters(), start, strict=True):
        assert torch.equal(own, expected)
    moved = [parameter.clone() for parameter in model.model.parameters()]
    model.train_step(target_alone(), optimizer)
    for own, first, second in zip(model.ema_model.parameters(), start, moved, strict=True):
        torch.testing.assert_close(own, 0.9 * first + 0.1 * second)


@pytest.mark.parametrize(
    ('term', 'message'),
    [
        ({**MASKED, 'mode': 'separate'}, r'separatetrg: there is no source'),
        ({**MASKED, 'mode': 'separatesrc'}, r'separatetrg: there is no source'),
        ({'type': 'PixelContrast', 'size': 4}, r'a method with a source \(PixelContrast\)'),
        (
            {'type': 'FeatureAlignment', 'teacher': segmentor()['backbone'], 'channels': (16, 16), 'size': 16},
            r"\('target',\): there are no source images",
        ),
    ],
)
def test_terms_of_labelled_images_are_refused(term, message):
    with pytest.raises(InputError, match=message):
        source_free(terms=[term])


def test_augmented_source_learns_its_labels_in_other_colours_without_a_target():
    model = built('AugmentedSource', color_jitter_probability=0.0)
    data = {key: value for key, value in batch().items() if not key.startswith('target')}
    torch.manual_seed(3)
    logged = model.train_step(data, sgd(model, lr=0.0))
    assert set(logged) == {'loss', 'decode.loss_seg', 'decode.acc_seg'}
    seen = model.last_step
    assert not torch.equal(seen.source_img, data['img'])
    assert torch.equal(seen.source_label, data['gt_semantic_seg'])
    student = model.model
    logits = student.logits_of(student.embed(student.extract_feat(seen.source_img)))
    losses = student.losses_of(logits, data['gt_semantic_seg'])
    torch.testing.assert_close(logged['loss'], losses['decode.loss_seg'].sum())


def test_what_augmented_source_evaluates_has_the_mean_weights_and_the_statistics_of_the_student():
    torch.manual_seed(0)
    model = MODELS.build(
        {'type': 'AugmentedSource', 'model': segmentor(batch_norm=True), 'max_iters': 8, 'alpha': 0.5}
    ).train()
    optimizer = sgd(model, lr=0.1)
    for step in range(3):
        before = {name: buffer.clone() for name, buffer in model.model.named_buffers()}
        model.train_step(batch(step), optimizer)
    teacher = dict(model.ema_model.named_buffers())
    assert all(torch.equal(teacher[name], value) for name, value in before.items())
    assert not torch.equal(teacher['backbone.norm.running_mean'], torch.zeros(8))
