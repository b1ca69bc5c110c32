"""CLUDA's losses: the reference's numbers, a plainer computation, and what they keep in memory."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from mmseg.models.uda.contrast import Pixels, pixel_contrast, two_resolution_contrast
from tests.parity import Golden, golden

PUBLISHED = Pixels('published')


def given(case: Golden, images: str, *names: str) -> list[Tensor]:
    """Numbers of each pixel, in the order of the published code."""
    return [PUBLISHED.values(case.tensor(f'{images}.in.{name}')) for name in names]


@pytest.mark.parametrize('kind', ['plain', 'weighted'])
@pytest.mark.parametrize('images', ['b1', 'b2'])
def test_loss_and_gradient_of_one_resolution_equal_the_reference(images, kind):
    case = golden('cluda_contrastive')
    features = case.inputs()[f'shared.{images}.feats'].requires_grad_()
    label, weight = given(case, images, 'label', 'pseudo_weight')
    loss = pixel_contrast(PUBLISHED.features(features), label, weight if kind == 'weighted' else None, chunk=40)
    loss.backward()
    assert loss.item() == pytest.approx(case.arrays[f'{images}.{kind}.loss'].item(), rel=1e-5)
    torch.testing.assert_close(features.grad, case.tensor(f'{images}.{kind}.grad'), rtol=1e-3, atol=1e-8)


def test_aligned_pixels_give_the_reference_s_loss_with_matched_labels():
    case, pixels = golden('cluda_contrastive'), Pixels()
    features = pixels.features(case.inputs()['shared.b2.feats'])
    loss = pixel_contrast(features, pixels.values(case.tensor('b2.in.label')))
    assert loss.item() == pytest.approx(case.arrays['b2.plain.loss_if_label_order_matched'].item(), rel=1e-6)


@pytest.mark.parametrize('kind', ['source', 'mixed'])
@pytest.mark.parametrize('images', ['b1', 'b2'])
def test_loss_and_gradients_of_two_resolutions_equal_the_reference(images, kind):
    case = golden('cluda_multi_resolution')
    inputs = case.inputs()
    context, detail = (inputs[f'shared.{images}.{name}'].requires_grad_() for name in ('lr', 'hr'))
    attention = case.tensor(f'{images}.in.attention').requires_grad_()
    label, detail_label, weight = given(case, images, 'label', 'hr_label', 'pseudo_weight')
    loss = two_resolution_contrast(
        PUBLISHED.features(context),
        PUBLISHED.features(detail * case.tensor(f'{images}.in.crop_mask')),
        label,
        PUBLISHED.values(attention),
        detail_label != 0,  # as the reference finds the crop
        weight=weight if kind == 'mixed' else None,
        chunk=50,
    )
    loss.backward()
    assert loss.item() == pytest.approx(case.arrays[f'{images}.{kind}.loss'].item(), rel=1e-5)
    for name, x in (('lr', context), ('hr_inside_crop', detail), ('attention', attention)):
        norm = case.arrays[f'{images}.{kind}.grad_l2.{name}'].item()
        assert x.grad.norm().item() == pytest.approx(norm, rel=1e-3), name
    if kind == 'source':
        torch.testing.assert_close(context.grad, case.tensor(f'{images}.source.grad.lr'), rtol=1e-3, atol=1e-8)
        stored = case.tensor(f'{images}.source.grad.attention')
        torch.testing.assert_close(attention.grad, stored, rtol=1e-3, atol=1e-8)


def test_the_loss_of_three_pixels_by_hand():
    """Two of a class, at right angles, and one of another, opposite to the first."""
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    label = torch.tensor([4, 4, 255])
    rows = [math.log(1 + math.exp(-1)), math.log(2), 0.0]  # the third has no positive
    assert pixel_contrast(features, label).item() == pytest.approx(sum(rows) / 3)
    weighted = pixel_contrast(features, label, torch.tensor([0.5, 0.25, 1.0]))
    assert weighted.item() == pytest.approx(0.125 * sum(rows) / 3)


def test_the_attention_shares_a_pair_between_the_resolutions_inside_the_crop_alone():
    features = torch.nn.functional.normalize(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)))
    label = torch.tensor([0, 0, 1, 1, 0, 1])
    whole, nothing = torch.ones(6), torch.zeros(6, dtype=torch.bool)
    same = [pixel_contrast(features, label) / 2, features * 0]
    here = two_resolution_contrast(features, same[1], label, whole, ~nothing)
    torch.testing.assert_close(here, same[0])
    outside = two_resolution_contrast(features, same[1], label, whole, nothing)
    # of zeros, a pair has log(1 + 3 pixels of the other class)
    assert outside.item() == pytest.approx(math.log(4) / 2)


def test_pixels_of_several_images_keep_their_labels():
    maps = torch.arange(1.0, 13.0).view(2, 1, 2, 3)
    both = torch.cat([maps, torch.ones_like(maps)], dim=1)
    rows = Pixels().features(both)
    torch.testing.assert_close(rows[:, 0] / rows[:, 1], Pixels().values(maps))
    assert Pixels('published').values(maps).tolist() == list(range(1, 13))


@pytest.mark.parametrize('order', ['aligned', 'published'])
def test_pairs_of_three_images_are_those_of_plain_loops(order):
    """Maps of 2 x 2 positions: row r is a position of an image, and gets the numbers that its order says."""
    generator = torch.Generator().manual_seed(1)
    context, detail = torch.randn(2, 3, 5, 2, 2, generator=generator)
    maps = torch.randint(2, (3, 1, 2, 2), generator=generator)
    attention, weights = torch.rand(2, 3, 1, 2, 2, generator=generator)
    inside = torch.rand(3, 1, 2, 2, generator=generator) > 0.3
    pixels = Pixels(order)
    found = two_resolution_contrast(
        *(pixels.features(x) for x in (context, detail)),
        *(pixels.values(x) for x in (maps, attention, inside)),
        weight=pixels.values(weights),
        chunk=5,
    )

    places = [(image, row, column) for row in range(2) for column in range(2) for image in range(3)]
    if order == 'published':
        named = [(image, row, column) for image in range(3) for row in range(2) for column in range(2)]
    else:
        named = places
    z, d = ([x[i, :, r, c] / x[i, :, r, c].norm() for i, r, c in places] for x in (context, detail))
    y, a, w, crop = ([x[i, 0, r, c].item() for i, r, c in named] for x in (maps, attention, weights, inside))

    def ratio(i, j, keys):
        s = [float(z[i] @ key) for key in keys]
        return s[j] - math.log(math.exp(s[j]) + sum(math.exp(s[k]) for k in range(12) if y[k] != y[i]))

    rows = []
    for i in range(12):
        positives = [j for j in range(12) if y[j] == y[i] and j != i]
        shares = [a[i] * a[j] * crop[i] for j in positives]
        terms = [
            w[i] * w[j] * (share * ratio(i, j, z) + (1 - share) * ratio(i, j, d))
            for j, share in zip(positives, shares, strict=True)
        ]
        rows.append(sum(terms) / max(1, len(positives)))
    assert found.item() == pytest.approx(-0.5 * sum(rows) / 12, rel=1e-5)


def test_chunks_change_nothing_but_what_is_kept_for_the_way_back():
    generator = torch.Generator().manual_seed(0)
    features = torch.nn.functional.normalize(torch.randn(60, 4, generator=generator, dtype=torch.float64))
    label = torch.randint(3, (60,), generator=generator)
    found = []
    for chunk in (60, 7):
        kept: list[int] = []
        x = features.clone().requires_grad_()
        with saved_tensors_hooks(lambda tensor, kept=kept: kept.append(tensor.numel()) or tensor, lambda t: t):
            loss = pixel_contrast(x, label, chunk=chunk)
        loss.backward()
        assert max(kept, default=0) < 60 * 60
        found.append((loss.detach(), x.grad))
    torch.testing.assert_close(found[1], found[0])
