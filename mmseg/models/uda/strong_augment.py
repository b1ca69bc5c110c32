"""Strong augmentation of the mixed images: colour jitter and Gaussian blur (DACS, sec. 4.1).

The colour arithmetic is the additive one of early kornia (0.5), which the published results used: brightness is
added, contrast multiplies, both without reference to the image's mean, and every step is clamped to 0..1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.layers.precision import without_autocast

#: standard deviation of the blur, in pixels
SIGMA_RANGE = (0.15, 1.15)
BLUR_PROBABILITY = 0.5
#: weights further out than this are below 1e-8 at the largest sigma
MAX_RADIUS = math.ceil(6 * SIGMA_RANGE[1])
#: of the steps of the jitter: saturation and hue, which need red, green and blue
FIRST_OF_COLOURS = 2
#: images of 8 bits have no negative mean, and mean and two deviations of the brightest channel within this
DARKEST, BRIGHTEST = 8, 510


class Jitter(NamedTuple):
    """Colour jitter of one image.

    Attributes:
        brightness: factor - 1 is added.
        contrast: factor.
        saturation: factor of the HSV saturation.
        hue: turn of the HSV hue, as a share of the full circle.
        order: the steps, each once: 0 brightness, 1 contrast, 2 saturation, 3 hue.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float
    order: tuple[int, ...]


class StrongParams(NamedTuple):
    """What was drawn for a batch: jitter and sigma of each image, or None where that step is off for all.

    Where images are drawn for one by one, None among them stands for an image without the step. ``rgb``: channels of
    red, green and blue, which saturation and hue are of; see :class:`StrongAugment`.
    """

    jitter: Sequence[Jitter | None] | None
    sigma: Sequence[float | None] | None
    rgb: tuple[int, ...] | None = None


@dataclass(frozen=True)
class StrongAugment:
    """Settings of the augmentation and their draw.

    Attributes:
        jitter_strength: s: factors are uniform in 1-s..1+s, the hue in -s..s; at most 0.5, the whole circle.
        jitter_threshold: the jitter acts where a uniform number is GREATER, i.e. with probability 1 - this.
        blur: allow the blur, which acts with probability 0.5.
        rgb: channels of the network's input that are red, green and blue; the others have brightness and contrast
            alone. () = none are; None = those of three channels, and none of any other number.
        scope: whether these chances are those of a 'batch' or of each 'image'.
    """

    jitter_strength: float = 0.2
    jitter_threshold: float = 0.2
    blur: bool = True
    rgb: tuple[int, ...] | None = None
    scope: Literal['batch', 'image'] = 'batch'

    def __post_init__(self) -> None:
        if self.rgb is not None and len(set(self.rgb)) not in (0, 3):
            raise InputError(
                f'uda.color_jitter_bands={list(self.rgb)}: name red, green and blue, or none of them ([]).'
            )
        if not 0 <= self.jitter_strength <= 0.5:
            raise InputError(f'uda.color_jitter_strength is {self.jitter_strength}: it must lie in 0..0.5.')
        if not 0 <= self.jitter_threshold <= 1:
            raise InputError(f'uda.color_jitter_probability is {self.jitter_threshold}: it must lie in 0..1.')
        if self.scope not in ('batch', 'image'):
            raise InputError(f"uda.augment_scope is {self.scope!r}: it must be 'batch' or 'image'.")

    def check_channels(self, channels: int) -> None:
        """Refuse colours in channels that images do not have."""
        if self.rgb and not all(0 <= channel < channels for channel in self.rgb):
            raise InputError(
                f'uda.color_jitter_bands={list(self.rgb)} names channels of images that have {channels}: 0 to '
                f'{channels - 1}.'
            )

    def draw(self, batch_size: int, *, generator: torch.Generator | None = None) -> StrongParams:
        """One decision per step for all images, or for each by itself; factors and sigma for each image.

        Args:
            batch_size: number of images.
            generator: of the CPU; None is the global one.
        """
        if self.scope == 'image':
            alone = [replace(self, scope='batch').draw(1, generator=generator) for _ in range(batch_size)]
            return StrongParams(
                [None if one.jitter is None else one.jitter[0] for one in alone],
                [None if one.sigma is None else one.sigma[0] for one in alone],
                self.rgb,
            )
        jitter_draw, blur_draw = torch.rand(2, generator=generator).tolist()
        jitter = blur = None
        if jitter_draw > self.jitter_threshold:
            jitter = [self.draw_jitter(generator) for _ in range(batch_size)]
        if self.blur and blur_draw > BLUR_PROBABILITY:
            low, high = SIGMA_RANGE
            blur = (low + (high - low) * torch.rand(batch_size, generator=generator)).tolist()
        return StrongParams(jitter, blur, self.rgb)

    def draw_jitter(self, generator: torch.Generator | None = None) -> Jitter:
        shift = (self.jitter_strength * (2 * torch.rand(4, generator=generator) - 1)).tolist()
        order = torch.randperm(4, generator=generator).tolist()
        brightness, contrast, saturation, hue = shift
        return Jitter(1 + brightness, 1 + contrast, 1 + saturation, hue, tuple(order))


def apply(params: StrongParams, img: Tensor, *, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Augment normalised images (B, C, H, W), of three channels RGB, in their own precision.

    Args:
        params: what :meth:`StrongAugment.draw` gave for B images.
        img: (x - mean) / std of x in :func:`value_range`.
        mean: per channel.
        std: per channel.
    """
    with without_autocast(img.device):
        if None in (*(params.jitter or ()), *(params.sigma or ())):
            return torch.cat([_augmented(_alone(params, i), img[i : i + 1], mean, std) for i in range(len(img))])
        return _augmented(params, img, mean, std)


def _alone(params: StrongParams, index: int) -> StrongParams:
    """What was drawn for one image of the batch."""
    jitter = None if params.jitter is None else params.jitter[index]
    sigma = None if params.sigma is None else params.sigma[index]
    return StrongParams(None if jitter is None else [jitter], None if sigma is None else [sigma], params.rgb)


def _augmented(params: StrongParams, img: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    if params.jitter is not None:
        scale, shift, unscale, unshift = _unit_range(mean, std).to(img.device, img.dtype, non_blocking=True)
        colour = torch.addcmul(shift, img, scale)
        drawn = [jitter for jitter in params.jitter if jitter is not None]  # all are, or it is off
        colour = torch.stack([color_jitter(x, jitter, params.rgb) for x, jitter in zip(colour, drawn, strict=True)])
        img = torch.addcmul(unshift, colour, unscale)
    if params.sigma is not None:
        img = gaussian_blur(img, [sigma for sigma in params.sigma if sigma is not None])
    return img


def _unit_range(mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(4, C, 1, 1) float64 on the host: factor and summand that take normalised images to 0..1, and those back."""
    black, white = value_range(mean, std)
    centre, spread = torch.tensor([list(map(float, mean)), list(map(float, std))], dtype=torch.float64)
    scale, shift = spread / (white - black), (centre - black) / (white - black)
    return torch.stack([scale, shift, 1 / scale, -shift / scale])[:, :, None, None]


def value_range(mean: Sequence[float], std: Sequence[float]) -> tuple[float, float]:
    """What counts as black and as white in images with this mean and standard deviation in each channel.

    0 and 255 for images of 8 bits. Deeper ones, and floats, seldom fill their type: three deviations above the mean,
    and below it where values are negative.
    """
    highest = max(m + 2 * s for m, s in zip(mean, std, strict=True))
    if min(mean) >= 0 and DARKEST < highest <= BRIGHTEST:
        return 0.0, 255.0
    white = max(m + 3 * s for m, s in zip(mean, std, strict=True))
    return (0.0 if min(mean) >= 0 else min(m - 3 * s for m, s in zip(mean, std, strict=True))), float(white)


def color_jitter(img: Tensor, jitter: Jitter, rgb: Sequence[int] | None = None) -> Tensor:
    """(..., C, H, W) in 0..1 -> the same after the four steps in the drawn order.

    Saturation and hue are of the channels ``rgb`` alone; None: of all three, or of none where there are not three.
    """
    steps = (
        (adjust_brightness, jitter.brightness),
        (adjust_contrast, jitter.contrast),
        (adjust_saturation, jitter.saturation),
        (adjust_hue, jitter.hue),
    )
    for index in jitter.order:
        step, amount = steps[index]
        if index < FIRST_OF_COLOURS or (rgb is None and img.shape[-3] == 3):
            img = step(img, amount)
        elif rgb:
            places = torch.tensor(rgb).to(img.device, non_blocking=True)
            img = img.index_copy(-3, places, step(img.index_select(-3, places), amount))
    return img


def adjust_brightness(img: Tensor, factor: float) -> Tensor:
    return (img + (factor - 1)).clamp(0, 1)


def adjust_contrast(img: Tensor, factor: float) -> Tensor:
    return (img * factor).clamp(0, 1)


def adjust_saturation(img: Tensor, factor: float) -> Tensor:
    """Scale the HSV saturation, at most to 1.

    At fixed hue and value V each channel lies at V - V S g(hue), so its distance from V scales like S.
    """
    value = img.amax(dim=-3, keepdim=True)
    chroma = value - img.amin(dim=-3, keepdim=True)
    full = value / chroma.clamp(min=torch.finfo(img.dtype).tiny)  # the factor that takes S to 1
    return torch.lerp(value, img, full.clamp(max=factor))


def adjust_hue(img: Tensor, turn: float) -> Tensor:
    """Turn the HSV hue by a share of the full circle; value and saturation stay."""
    value, brightest = img.max(dim=-3, keepdim=True)
    chroma = value - img.amin(dim=-3, keepdim=True)
    around = torch.cat([img, img.narrow(-3, 0, 2)], dim=-3)
    # of the two channels that follow on the brightest: green - blue, blue - red or red - green
    difference = (around.narrow(-3, 1, 3) - around.narrow(-3, 2, 3)).gather(-3, brightest)
    # hue in sixths of the circle: red is at 0, green at 2, blue at 4
    sixths = torch.add(difference / chroma.clamp(min=torch.finfo(img.dtype).tiny), brightest, alpha=2)
    # red, green, blue fall off from the value at 5, 3, 1 of the turned circle
    offsets = torch.arange(5 + 6 * turn, 6 * turn, -2, dtype=img.dtype, device=img.device).view(3, 1, 1)
    k = (sixths + offsets) % 6
    return torch.addcmul(value, chroma, torch.minimum(k, 4 - k).clamp(0, 1), value=-1)


def kernel_size(side: int) -> int:
    """The blur's odd kernel size: about a tenth of the image side."""
    size = math.ceil(0.1 * side)
    return size if size % 2 else size - 1


def gaussian_blur(img: Tensor, sigma: Sequence[float]) -> Tensor:
    """Blur each image (B, C, H, W) with its own sigma (pixels), borders reflected; one pass per axis."""
    height, width = img.shape[2:]
    spread = torch.tensor(sigma, dtype=img.dtype).repeat_interleave(img.shape[1])
    radii = [min(kernel_size(side) // 2, MAX_RADIUS) for side in (height, width)]
    of_radius = {radius: gaussian(spread, radius).to(img.device, non_blocking=True) for radius in set(radii)}
    down, across = (of_radius[radius] for radius in radii)
    stack = img.flatten(0, 1).unsqueeze(0)  # every channel of every image with its own kernel: one grouped convolution
    groups, ry, rx = stack.shape[1], down.shape[1] // 2, across.shape[1] // 2
    stack = F.pad(stack, (rx, rx, ry, ry), mode='reflect')
    stack = F.conv2d(stack, down[:, None, :, None], groups=groups)
    stack = F.conv2d(stack, across[:, None, None, :], groups=groups)
    return stack.view(img.shape)


def gaussian(sigma: Tensor, radius: int) -> Tensor:
    """(B,) standard deviations -> (B, 2 * radius + 1) weights that sum to 1."""
    offset = torch.arange(-radius, radius + 1, dtype=sigma.dtype, device=sigma.device)
    weight = torch.exp(-(offset**2) / (2 * sigma[:, None] ** 2))
    return weight / weight.sum(dim=1, keepdim=True)
