"""Strong augmentation of the mixed images: colour jitter and Gaussian blur (DACS, sec. 4.1).

The colour arithmetic is the additive one of early kornia (0.5), which the published results used: brightness is
added, contrast multiplies, both without reference to the image's mean, and every step is clamped to 0..1.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.errors import InputError

#: standard deviation of the blur, in pixels
SIGMA_RANGE = (0.15, 1.15)
BLUR_PROBABILITY = 0.5
#: weights further out than this are below 1e-8 at the largest sigma
MAX_RADIUS = math.ceil(6 * SIGMA_RANGE[1])


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
    """What was drawn for a batch: jitter and sigma of each image, or None where that step is off for all."""

    jitter: list[Jitter] | None
    sigma: list[float] | None


@dataclass(frozen=True)
class StrongAugment:
    """Settings of the augmentation and their draw.

    Attributes:
        jitter_strength: s: factors are uniform in 1-s..1+s, the hue in -s..s; at most 0.5, the whole circle.
        jitter_threshold: the jitter acts where a uniform number is GREATER, i.e. with probability 1 - this.
        blur: allow the blur, which acts with probability 0.5.
    """

    jitter_strength: float = 0.2
    jitter_threshold: float = 0.2
    blur: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.jitter_strength <= 0.5:
            raise InputError(f'uda.color_jitter_strength is {self.jitter_strength}: it must lie in 0..0.5.')
        if not 0 <= self.jitter_threshold <= 1:
            raise InputError(f'uda.color_jitter_probability is {self.jitter_threshold}: it must lie in 0..1.')

    def check_channels(self, channels: int) -> None:
        """Refuse to jitter the colours of images that are not RGB."""
        if channels != 3 and self.jitter_threshold < 1:
            raise InputError(
                f'Colour jitter works on RGB images, these have {channels} channel(s): set '
                'uda.color_jitter_probability=1, with which it never acts.'
            )

    def draw(self, batch_size: int, *, generator: torch.Generator | None = None) -> StrongParams:
        """One decision per step for all images, factors and sigma for each image.

        Args:
            batch_size: number of images.
            generator: of the CPU; None is the global one.
        """
        jitter_draw, blur_draw = torch.rand(2, generator=generator).tolist()
        jitter = blur = None
        if jitter_draw > self.jitter_threshold:
            jitter = [self.draw_jitter(generator) for _ in range(batch_size)]
        if self.blur and blur_draw > BLUR_PROBABILITY:
            low, high = SIGMA_RANGE
            blur = (low + (high - low) * torch.rand(batch_size, generator=generator)).tolist()
        return StrongParams(jitter, blur)

    def draw_jitter(self, generator: torch.Generator | None = None) -> Jitter:
        shift = (self.jitter_strength * (2 * torch.rand(4, generator=generator) - 1)).tolist()
        order = torch.randperm(4, generator=generator).tolist()
        brightness, contrast, saturation, hue = shift
        return Jitter(1 + brightness, 1 + contrast, 1 + saturation, hue, tuple(order))


def apply(params: StrongParams, img: Tensor, *, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Augment normalised images (B, 3, H, W), RGB, in their own precision.

    Args:
        params: what :meth:`StrongAugment.draw` gave for B images.
        img: (x - mean) / std of x in 0..255.
        mean: per channel.
        std: per channel.
    """
    with exact(img.device):
        return _augmented(params, img, mean, std)


def exact(device: torch.device) -> AbstractContextManager:
    """Autocast off; nothing to do on a device that has none."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def _augmented(params: StrongParams, img: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    if params.jitter is not None:
        centre, scale = (
            torch.tensor(v, dtype=img.dtype).view(3, 1, 1).to(img.device, non_blocking=True) for v in (mean, std)
        )
        colour = (img * scale + centre) / 255
        colour = torch.stack([color_jitter(x, jitter) for x, jitter in zip(colour, params.jitter, strict=True)])
        img = (colour * 255 - centre) / scale
    if params.sigma is not None:
        img = gaussian_blur(img, params.sigma)
    return img


def color_jitter(img: Tensor, jitter: Jitter) -> Tensor:
    """(..., 3, H, W) RGB in 0..1 -> the same after the four steps in the drawn order."""
    steps = (
        (adjust_brightness, jitter.brightness),
        (adjust_contrast, jitter.contrast),
        (adjust_saturation, jitter.saturation),
        (adjust_hue, jitter.hue),
    )
    for index in jitter.order:
        step, amount = steps[index]
        img = step(img, amount)
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
    return value - (value - img) * full.clamp(max=factor)


def adjust_hue(img: Tensor, turn: float) -> Tensor:
    """Turn the HSV hue by a share of the full circle; value and saturation stay."""
    value, brightest = img.max(dim=-3, keepdim=True)
    chroma = value - img.amin(dim=-3, keepdim=True)
    red, green, blue = (img / torch.where(chroma > 0, chroma, 1)).split(1, dim=-3)
    # hue in sixths of the circle, counted from the brightest channel
    sixths = torch.where(brightest == 0, green - blue, torch.where(brightest == 1, blue - red + 2, red - green + 4))
    sixths = sixths + 6 * turn
    channels = []
    for offset in (5, 3, 1):  # red, green, blue fall off from the value at these places of the circle
        k = (sixths + offset) % 6
        channels.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.cat(channels, dim=-3)


def kernel_size(side: int) -> int:
    """The blur's odd kernel size: about a tenth of the image side."""
    size = math.ceil(0.1 * side)
    return size if size % 2 else size - 1


def gaussian_blur(img: Tensor, sigma: Sequence[float]) -> Tensor:
    """Blur each image (B, C, H, W) with its own sigma (pixels), borders reflected; one pass per axis."""
    height, width = img.shape[2:]
    spread = torch.tensor(sigma, dtype=img.dtype).to(img.device, non_blocking=True)
    down, across = (gaussian(spread, min(kernel_size(side) // 2, MAX_RADIUS)) for side in (height, width))
    stack = img.flatten(0, 1).unsqueeze(0)  # every channel of every image with its own kernel: one grouped convolution
    down, across = (k.repeat_interleave(img.shape[1], dim=0) for k in (down, across))
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
