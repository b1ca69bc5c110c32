"""CLUDA's detail crops: a place of its own in each mixed image, where the context is least certain."""

import copy

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.layers.box import Box, BoxPerImage
from mmseg.models.uda.pixel_contrast import on_one_grid
from mmseg.models.uda.uncertain_detail import most_uncertain
from mmseg.registry import MODELS
from tests.models.uda.test_pixel_contrast import two_scales
from tests.models.uda.tiny import batch, dacs, segmentor, sgd

STILL = {'blur': False, 'color_jitter_probability': 1.0}


def method(start=0, **uda):
    return dacs(model=two_scales('CLUDAHead'), terms=[{'type': 'UncertainDetail', 'start': start}], **STILL, **uda)


def test_each_image_gets_the_window_of_the_largest_mean_entropy():
    entropy = torch.zeros(3, 1, 2, 3)
    entropy[0, 0, 0, 2] = entropy[1, 0, 1, 0] = 1.0  # of the third image nothing is uncertain: the first window
    entropy[1, 0, 0, 2] = 0.9
    boxes = [Box(top, top + 8, left, left + 8) for top in (0, 8) for left in (0, 8, 16)]
    found = most_uncertain(entropy, boxes, (16, 24))
    assert found == BoxPerImage((boxes[2], boxes[3], boxes[0]))


@pytest.mark.parametrize('scale', [0.5, 0.25])
@pytest.mark.parametrize('kind', ['HRDAHead', 'CLUDAHead'])
def test_images_with_crops_of_their_own_get_the_logits_and_losses_that_each_gets_alone(kind, scale):
    cfg = two_scales(kind) | {'scales': [1, scale], 'feature_scale': scale, 'crop_coord_divisible': 16}
    cfg['decode_head'] |= {'hr_loss_weight': 0.2, 'lr_loss_weight': 0.1}
    torch.manual_seed(0)
    model = MODELS.build(cfg).eval()
    img, label = torch.randn(3, 3, 32, 64), torch.randint(6, (3, 1, 32, 64))
    weight = torch.rand(3, 32, 64)
    boxes = (Box(0, 16, 16, 32), Box(16, 32, 48, 64), Box(16, 32, 0, 16))
    logits = model.training_logits(model.extract_feat(img, BoxPerImage(boxes)))
    losses = model.losses_of(logits, label, weight)
    alone = []
    for i, box in enumerate(boxes):
        one = model.training_logits(model.extract_feat(img[i : i + 1], box))
        torch.testing.assert_close(logits['decode'].fused[i : i + 1], one['decode'].fused)
        torch.testing.assert_close(logits['decode'].context[i : i + 1], one['decode'].context)
        alone.append(model.losses_of(one, label[i : i + 1], weight[i : i + 1]))
    for name, value in losses.items():  # all images are of one size, so that their mean is the batch's
        torch.testing.assert_close(value, torch.stack([each[name] for each in alone]).mean(dim=0))


def test_the_feature_distance_and_figures_follow_the_crop_of_each_image():
    model = MODELS.build(two_scales('HRDAHead') | {'feature_scale': 'all'}).train()
    img, label = torch.randn(2, 3, 32, 32), torch.arange(32 * 32 * 2).view(2, 1, 32, 32)
    view = BoxPerImage((Box(0, 16, 16, 32), Box(16, 32, 8, 24)))
    features = model.extract_feat(img, view)
    detail = model.compared(features, model.reference_features(img, view), label)[1]
    assert torch.equal(detail.label, torch.stack([label[0, :, :16, 16:], label[1, :, 16:, 8:24]]))
    torch.testing.assert_close(detail.map, detail.reference)
    shown = model.pictures(features, model.training_logits(features))['detail crop']
    expected = torch.zeros(2, 1, 32, 32)
    expected[0, :, :16, 16:] = expected[1, :, 16:, 8:24] = 1
    assert torch.equal(shown, expected)


def test_the_contrast_sees_the_detail_of_each_image_in_its_place():
    model = MODELS.build(two_scales('CLUDAHead')).eval()
    img = torch.randn(2, 3, 32, 32)
    boxes = (Box(0, 16, 16, 32), Box(16, 32, 8, 24))
    both = on_one_grid(model.embed(model.extract_feat(img, BoxPerImage(boxes)))['decode'])
    for i, box in enumerate(boxes):
        one = on_one_grid(model.embed(model.extract_feat(img[i : i + 1], box))['decode'])
        assert torch.equal(both.inside[i : i + 1], one.inside)
        torch.testing.assert_close(both.detail[i : i + 1], one.detail)


def test_from_its_start_on_the_mixed_crops_lie_where_the_student_s_context_is_least_certain():
    model = method(start=1)
    made = model.make_batch(batch())
    for steps, placed in ((0, False), (1, True)):
        model.steps = steps
        model.uncertain_detail.prepare(model, made)
        assert (made.mixed.view is not None) == placed
    assert made.source.view is None
    student = copy.deepcopy(model.model).eval()
    context = torch.nn.functional.interpolate(made.mixed.img, scale_factor=0.5, mode='bilinear')
    p = student.decode_head.head(student.backbone(context)).softmax(1)
    entropy = torch.nn.functional.interpolate(-(p * p.log()).sum(1, keepdim=True), (32, 32), mode='bilinear')
    for image, box in zip(entropy, made.mixed.view.boxes, strict=True):
        means = {
            (top, left): image[0, top : top + 16, left : left + 16].mean() for top in (0, 8, 16) for left in (0, 8, 16)
        }
        assert (box.top, box.left) == max(means, key=means.get)
        assert box.size == (16, 16)


def test_choosing_changes_nothing_else_of_a_step():
    """Batch norms keep what they remember; losses and crops of the source are those of a step without the term."""
    logs = []
    for start in (0, 5):
        model = method(start)
        torch.manual_seed(1)
        made = model.make_batch(batch())
        before = copy.deepcopy(model.model.state_dict())
        model.uncertain_detail.prepare(model, made)
        torch.testing.assert_close(model.model.state_dict(), before, rtol=0, atol=0)
        assert model.model.training
        logs.append(model.source_losses(made) | {'box': torch.tensor(made.source.view)})
    torch.testing.assert_close(logs[0], logs[1], rtol=0, atol=0)


def test_a_step_with_the_contrast_of_two_resolutions_learns_and_shows_where_it_looked():
    terms = [{'type': 'PixelContrast', 'resolutions': 2, 'size': 9}, {'type': 'UncertainDetail', 'start': 0}]
    model = dacs(model=two_scales('CLUDAHead'), terms=terms, **STILL)
    logged = model.train_step(batch(), sgd(model))
    assert logged['mix.loss_contrast'] > 0
    shown = model.last_step.extra
    assert shown['mixed detail crop'].sum(dim=(1, 2, 3)).tolist() == [256, 256]
    entropy = shown['entropy of the context, mixed (white: all classes alike)']
    assert entropy.shape == (2, 1, 32, 32)
    assert ((entropy >= 0) & (entropy <= 1)).all()


@pytest.mark.parametrize(
    ('uda', 'named'),
    [
        ({'model': segmentor()}, r'model\.type.*EncoderDecoder.*HRDAEncoderDecoder'),
        ({'start': -1}, 'UncertainDetail: start is -1'),
        ({'start': 1.5}, 'UncertainDetail: start=1.5 does not fit'),
        ({'type': 'SourceOnly'}, r'uda\.type.*SourceOnly.*mixes images'),
    ],
)
def test_what_does_not_fit_is_refused(uda, named):
    settings = {'type': 'DACS', 'model': two_scales('HRDAHead'), 'max_iters': 2, **uda}
    term = {'type': 'UncertainDetail', 'start': settings.pop('start', 0)}
    with pytest.raises(InputError, match=named):
        MODELS.build({**settings, 'terms': [term]})
