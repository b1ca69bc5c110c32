import math

import numpy as np
import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.uda import strong_augment
from mmseg.models.uda.class_mix import class_mask, paste
from mmseg.models.uda.pseudo_label import pseudo_label, trusted
from mmseg.models.uda.strong_augment import Jitter, StrongAugment, StrongParams, color_jitter, gaussian_blur
from tests.parity import draw, golden, make_input

KORNIA = golden('strong_aug_kornia058')
MIX = golden('uda_strong_mix')
IMG = torch.from_numpy(draw('color_jitter.shared.img', (2, 3, 20, 24))).mul(1.5).sigmoid().float()
BLUR_IMG = make_input('gaussian_blur.shared.img', (1, 3, 40, 64))
STEPS = ('brightness', 'contrast', 'saturation', 'hue')
NEUTRAL = Jitter(1, 1, 1, 0, ())


def jitter_of(case: str, image: int) -> Jitter:
    factors = (KORNIA.arrays[f'{case}.{step}_factor'][image].item() for step in STEPS)
    return Jitter(*factors, order=tuple(KORNIA.arrays[f'{case}.order'].tolist()))


@pytest.mark.parametrize('case', ['draw0', 'draw1', 'draw2'])
def test_jitter_with_given_factors_and_order_is_the_reference_s(case):
    for image in range(2):
        expected = KORNIA.tensor(f'{case}.out')[image]
        torch.testing.assert_close(color_jitter(IMG[image], jitter_of(case, image)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('step', range(4))
def test_each_step_alone_is_the_reference_s(step):
    for image in range(2):
        jitter = jitter_of('draw0', image)._replace(order=(step,))
        expected = KORNIA.tensor(f'step_{STEPS[step]}')[image]
        torch.testing.assert_close(color_jitter(IMG[image], jitter), expected, rtol=0, atol=1e-5)


def reference_draw(strength: float = 0.2) -> Jitter:
    """One image's factors in the order in which the reference draws them from torch's global generator."""
    brightness, contrast = (1 - strength + 2 * strength * torch.rand(1).item() for _ in range(2))
    hue = -strength + 2 * strength * torch.rand(1).item()
    saturation = 1 - strength + 2 * strength * torch.rand(1).item()
    return Jitter(brightness, contrast, saturation, hue, tuple(torch.randperm(4).tolist()))


def test_the_emulated_draw_of_the_reference_gives_its_factors():
    torch.manual_seed(KORNIA.config['torch_seed_of_seeded'])
    drawn, expected = reference_draw(), jitter_of('seeded', 0)
    assert drawn.order == expected.order
    assert drawn[:4] == pytest.approx(expected[:4], abs=1e-6)
    torch.testing.assert_close(color_jitter(IMG[:1], drawn), KORNIA.tensor('seeded.out'), rtol=0, atol=1e-5)


@pytest.mark.parametrize('sigma', [0.3, 1.1])
def test_the_blur_is_the_reference_s(sigma):
    expected = KORNIA.tensor(f'blur.sigma_{sigma}')
    torch.testing.assert_close(gaussian_blur(BLUR_IMG, [sigma]), expected, rtol=0, atol=1e-5)


def test_kernel_sizes_are_the_reference_s():
    table = KORNIA.arrays['blur.kernel_table'].tolist()
    assert len(table) == 14
    assert [[side, strong_augment.kernel_size(side)] for side, _ in table] == table


def test_cutting_the_kernel_changes_nothing():
    img, sigma = torch.randn(1, 1, 256, 256), strong_augment.SIGMA_RANGE[1]
    full = strong_augment.gaussian(torch.tensor([sigma]), strong_augment.kernel_size(256) // 2)
    assert full.shape[1] == 25
    padded = torch.nn.functional.pad(img, (12, 12, 12, 12), mode='reflect')
    expected = torch.nn.functional.conv2d(padded, (full.T @ full)[None, None])
    torch.testing.assert_close(gaussian_blur(img, [sigma]), expected, rtol=0, atol=3e-6)


def test_each_image_is_blurred_with_its_own_sigma():
    img = torch.randn(2, 3, 40, 64)
    both = gaussian_blur(img, [0.2, 1.0])
    for i, sigma in enumerate([0.2, 1.0]):
        torch.testing.assert_close(both[i : i + 1], gaussian_blur(img[i : i + 1], [sigma]))
    assert (both[0] - img[0]).abs().mean() < (both[1] - img[1]).abs().mean()


@pytest.mark.parametrize('seed', MIX.config['seeds'])
def test_mixed_images_labels_and_weights_are_the_reference_s_for_its_draws(seed):
    norm = MIX.config['img_norm_cfg']
    mean, std = (torch.tensor(norm[key]).view(3, 1, 1) for key in ('mean', 'std'))
    source, target = ((MIX.tensor(f'in.{domain}_img').float() - mean) / std for domain in ('source', 'target'))
    label = MIX.tensor('in.source_label').long()
    logits = make_input('uda_strong_mix.shared.logits', (2, 19, 32, 40))
    pseudo = trusted(
        pseudo_label(logits, threshold=MIX.config['pseudo_threshold']),
        ignore_top=MIX.config['pseudo_weight_ignore_top'],
        ignore_bottom=MIX.config['pseudo_weight_ignore_bottom'],
    )
    _, _, jitter_on, blur_on = MIX.arrays['jitter_draw_blur_draw_jitter_on_blur_on'][seed]
    rng, classes = np.random.RandomState(seed), label.unique().numpy()
    torch.manual_seed(seed)
    chosen = torch.zeros(2, 256, dtype=torch.bool)
    for row in chosen:
        row[classes[rng.choice(len(classes), (len(classes) + 1) // 2, replace=False)]] = True
    params = StrongParams(
        [reference_draw() for _ in range(2)] if jitter_on else None,
        [rng.uniform(0.15, 1.15) for _ in range(2)] if blur_on else None,
    )
    mask = class_mask(label, chosen)
    assert torch.equal(paste(mask, source=label, target=pseudo.label), MIX.tensor(f'seed{seed}.mixed_label').long())
    weight = paste(mask, source=torch.ones(1), target=pseudo.weight).squeeze(1)
    torch.testing.assert_close(weight, MIX.tensor(f'seed{seed}.pseudo_weight'))
    mixed = strong_augment.apply(params, paste(mask, source=source, target=target), **norm)
    torch.testing.assert_close(mixed, MIX.tensor(f'seed{seed}.mixed_img'), rtol=0, atol=1e-4)


def test_nothing_drawn_leaves_the_image_alone():
    img = torch.randn(2, 3, 16, 16)
    assert strong_augment.apply(StrongParams(None, None), img, mean=[0, 0, 0], std=[1, 1, 1]) is img


def test_neutral_jitter_gives_the_normalised_image_back():
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    img = (torch.rand(1, 3, 8, 8) * 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    out = strong_augment.apply(StrongParams([NEUTRAL._replace(order=(0, 1, 2, 3))], None), img, mean=mean, std=std)
    torch.testing.assert_close(out, img, rtol=0, atol=1e-5)


def test_hue_turns_red_to_green_and_saturation_stops_at_pure_colours():
    red = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    assert strong_augment.adjust_hue(red, 1 / 3).flatten().tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    pink = torch.tensor([1.0, 0.5, 0.75]).view(3, 1, 1)
    assert strong_augment.adjust_saturation(pink, 10).flatten().tolist() == pytest.approx([1, 0, 0.5])
    assert strong_augment.adjust_saturation(pink, 0).flatten().tolist() == [1, 1, 1]


@pytest.mark.parametrize('grey', [0.0, 0.5, 1.0])
def test_grey_stays_grey(grey):
    img = torch.full((3, 4, 4), grey)
    assert torch.equal(strong_augment.adjust_hue(img, 0.1), img)
    assert torch.equal(strong_augment.adjust_saturation(img, 1.2), img)


@pytest.mark.parametrize(('threshold', 'share'), [(0.2, 0.8), (0.7, 0.3), (1.0, 0.0)])
def test_jitter_acts_where_the_draw_is_greater_than_the_setting(threshold, share):
    augment, generator = StrongAugment(jitter_threshold=threshold, blur=False), torch.Generator().manual_seed(0)
    acted = [augment.draw(1, generator=generator).jitter is not None for _ in range(1000)]
    assert np.mean(acted) == pytest.approx(share, abs=0.05)  # 4 standard deviations


def test_blur_acts_in_half_of_the_steps_and_never_when_it_is_off():
    generator = torch.Generator().manual_seed(0)
    acted = [StrongAugment().draw(1, generator=generator).sigma is not None for _ in range(1000)]
    assert np.mean(acted) == pytest.approx(0.5, abs=0.06)
    assert all(StrongAugment(blur=False).draw(1, generator=generator).sigma is None for _ in range(100))


def test_factors_and_sigma_are_drawn_for_each_image_within_their_ranges():
    params = [StrongAugment(0.3, 0.0).draw(4) for _ in range(100)]
    jitter = [j for p in params for j in p.jitter or []]
    sigma = [s for p in params for s in p.sigma or []]
    assert len(jitter) == 400
    for step in range(3):
        factors = [j[step] for j in jitter]
        assert len(set(factors)) > 390
        assert 0.7 <= min(factors) < 0.75
        assert 1.25 < max(factors) <= 1.3
    assert all(-0.3 <= j.hue <= 0.3 for j in jitter)
    assert len({j.order for j in jitter}) == math.factorial(4)
    assert 0.15 <= min(sigma) < 0.25
    assert 1.05 < max(sigma) <= 1.15


def test_the_same_generator_draws_the_same():
    first, second = (StrongAugment().draw(3, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(('strength', 'threshold', 'key'), [(0.6, 0.2, 'strength'), (0.2, 1.2, 'probability')])
def test_settings_out_of_range_are_refused_by_their_config_name(strength, threshold, key):
    with pytest.raises(InputError, match=f'color_jitter_{key}'):
        StrongAugment(strength, threshold)


def test_autocast_leaves_the_images_their_precision():
    img = torch.randn(1, 3, 32, 32)
    params = strong_augment.StrongParams(jitter=None, sigma=[0.8])
    exact = strong_augment.apply(params, img, mean=[0.0] * 3, std=[1.0] * 3)
    with torch.autocast('cpu', torch.bfloat16):
        found = strong_augment.apply(params, img, mean=[0.0] * 3, std=[1.0] * 3)
    torch.testing.assert_close(found, exact, rtol=0, atol=0)
