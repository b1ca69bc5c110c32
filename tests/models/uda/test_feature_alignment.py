"""Features as those of a frozen encoder, and what else the recipes of foundation encoders need of DACS."""

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.networks import Role
from mmseg.models.uda import strong_augment
from mmseg.models.uda.feature_alignment import alignment
from mmseg.models.uda.pseudo_label import mean_prediction
from mmseg.models.uda.strong_augment import StrongAugment
from tests.models.uda.tiny import batch, dacs, sgd

TEACHER = {
    'type': 'TimmBackbone',
    'model_name': 'vit_tiny_patch16_224',
    'settings': {'embed_dim': 12, 'depth': 1, 'num_heads': 2},
    'out_indices': (0,),
}
TERM = {'type': 'FeatureAlignment', 'teacher': TEACHER, 'channels': (16, 12), 'size': 48, 'weight': 0.5}


def test_the_distance_is_a_tenth_of_smooth_l1_and_nine_tenths_of_the_angle():
    features = torch.tensor([[3.0, 0.0], [4.0, 2.0]]).view(1, 2, 1, 2)  # two places: (3, 4) and (0, 2)
    reference = torch.tensor([[0.0, 0.0], [4.0, 1.0]]).view(1, 2, 1, 2)  # (0, 4) and (0, 1)
    smooth_l1 = (2.5 + 0 + 0 + 0.5) / 4
    cosine = (0.8 + 1) / 2
    assert alignment(features, reference).item() == pytest.approx(0.1 * smooth_l1 + 0.9 * (1 - cosine))


def test_source_and_target_have_a_term_each_that_teaches_encoder_and_projection():
    model = dacs(terms=[TERM])
    model.init_weights()
    logged = model.train_step(batch(), sgd(model))
    names = {'source.loss_feature_alignment', 'target.loss_feature_alignment'}
    assert names < logged.keys()
    term = model.feature_alignment
    assert all(parameter.grad.any() for parameter in term.projection.parameters())
    assert [n.role for n in model.networks() if n.name == 'feature_alignment.teacher'] == [Role.FROZEN]
    assert not any(parameter.requires_grad for parameter in term.teacher.parameters())
    assert not term.teacher.backbone.model.training


def test_the_weight_is_that_of_each_domain():
    logged = []
    for weight in (0.5, 1.0):
        model = dacs(terms=[{**TERM, 'weight': weight, 'domains': ['target']}])
        model.init_weights()
        logged.append(model.train_step(batch(), sgd(model)))
    assert 'source.loss_feature_alignment' not in logged[0]
    one, two = (values['target.loss_feature_alignment'].item() for values in logged)
    assert two == pytest.approx(2 * one)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [({'domains': ['both']}, 'domains'), ({'domains': []}, 'domains'), ({'weight': 0}, 'weight')],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(InputError, match=f'FeatureAlignment: {message}'):
        dacs(terms=[{**TERM, **changes}])


def test_other_channels_than_the_teachers_are_named():
    model = dacs(terms=[{**TERM, 'channels': (16, 10)}])
    with pytest.raises(InputError, match='teacher has 12 channels, but channels says 10'):
        model.train_step(batch(), sgd(model))


def test_the_mean_of_two_predictions_is_that_of_their_probabilities():
    torch.manual_seed(0)
    one, other = torch.randn(2, 5, 3, 3), 3 * torch.randn(2, 5, 3, 3)
    expected = (one.softmax(1) + other.softmax(1)) / 2
    torch.testing.assert_close(mean_prediction(one, other).softmax(1), expected)


def test_pseudo_labels_are_those_of_an_image_and_its_mirror_image():
    model = dacs(pseudo_flip=True)
    model.init_weights()
    data = batch()
    with torch.no_grad():
        whole = model.ema_model.encode_decode(data['target_img']).softmax(1)
        mirrored = model.ema_model.encode_decode(data['target_img'].flip(3)).softmax(1).flip(3)
        found = model.pseudo_label(data)
    torch.testing.assert_close(found.confidence, ((whole + mirrored) / 2).max(1, keepdim=True).values)


def test_images_are_augmented_one_by_one():
    settings = StrongAugment(scope='image', jitter_threshold=0.5)
    generator = torch.Generator().manual_seed(0)
    params = settings.draw(400, generator=generator)
    jittered = [jitter is not None for jitter in params.jitter]
    blurred = [sigma is not None for sigma in params.sigma]
    assert 160 < sum(jittered) < 240
    assert 160 < sum(blurred) < 240
    assert 60 < sum(a and b for a, b in zip(jittered, blurred, strict=True)) < 140


def test_an_image_without_augmentation_stays_bit_for_bit_and_the_others_change_as_alone():
    torch.manual_seed(0)
    settings = StrongAugment(scope='image')
    params = settings.draw(8)
    assert {None} < set(map(type, params.jitter)) | {None}
    img, norm = torch.randn(8, 3, 40, 40), {'mean': [10.0] * 3, 'std': [50.0] * 3}
    changed = strong_augment.apply(params, img, **norm)
    for number, (jitter, sigma) in enumerate(zip(params.jitter, params.sigma, strict=True)):
        alone = strong_augment.StrongParams(jitter and [jitter], sigma and [sigma])
        expected = strong_augment.apply(alone, img[number : number + 1], **norm)
        assert torch.equal(changed[number : number + 1], expected)
        if jitter is None and sigma is None:
            assert torch.equal(changed[number], img[number])


def test_an_unknown_scope_is_refused():
    with pytest.raises(InputError, match='augment_scope'):
        dacs(augment_scope='pixel')
