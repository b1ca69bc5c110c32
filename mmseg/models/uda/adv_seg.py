"""AdvSeg, the single-level form of AdaptSegNet (Tsai et al., CVPR 2018, arXiv 1802.10349): predictions look alike."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.layers import resize
from mmseg.models.networks import Network, Role
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.uda_decorator import Term, UDADecorator, require
from mmseg.registry import MODELS

#: channels of the discriminator's layers, each of which halves the size
CHANNELS = (64, 128, 256, 512, 1)
#: slope of its leaky ReLUs below zero
SLOPE = 0.2


class Discriminator(nn.Sequential):
    """D: probabilities (B, classes, H, W) -> logits (B, 1, H / 32, W / 32) of being a prediction of a source image.

    Args:
        num_classes: channels of what it judges.
    """

    reduction = 2 ** len(CHANNELS)

    def __init__(self, num_classes: int) -> None:
        layers: list[nn.Module] = []
        for inner, outer in zip((num_classes, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(inner, outer, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        super().__init__(*layers[:-1])


def cross_entropy(opinion: Tensor, *, source: bool) -> Tensor:
    """-mean log of the probability that logits (B, 1, h, w) of D give to the one domain or the other."""
    opinion = opinion.float() if opinion.dtype in {torch.float16, torch.bfloat16} else opinion
    return F.binary_cross_entropy_with_logits(opinion, torch.full_like(opinion, float(source)))


@MODELS.register_module()
class AdvSeg(UDADecorator):
    """L = L_S + lambda_adv * -log D(P_T), while D descends (-log D(P_S) - log(1 - D(P_T))) / 2.

    P is the main head's prediction at image size, in probabilities. D has an optimizer of its own, Adam, whose rate
    follows ``lr_config`` too. Both move at the end of a step, by the weights of its beginning. There is no teacher.

    Args:
        adversarial_weight: lambda_adv, above 0.
        discriminator_lr: base learning rate of D, above 0.
        **decorator: of :class:`UDADecorator`.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(self, *, adversarial_weight: float = 0.001, discriminator_lr: float = 1e-4, **decorator) -> None:
        super().__init__(**decorator)
        require(adversarial_weight > 0, 'uda.adversarial_weight', adversarial_weight, 'above 0')
        require(discriminator_lr > 0, 'uda.discriminator_lr', discriminator_lr, 'above 0')
        self.adversarial_weight = adversarial_weight
        self.optimizer = {'type': 'Adam', 'lr': discriminator_lr, 'betas': (0.9, 0.99)}
        self.discriminator = Discriminator(self.model.num_classes)

    def networks(self) -> list[Network]:
        rival = Network('discriminator', self.discriminator, Role.LEARNS, optimizer=self.optimizer)
        return [*super().networks(), rival]

    def make_batch(self, data: dict[str, Any]) -> Batch:
        return Batch(data, Labelled(data['img'], data['gt_semantic_seg']), data['target_img'])

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        assert batch.target_img is not None
        ignored = torch.full_like(batch.target_img[:, :1], self.ignore_index, dtype=torch.int64)
        batch.parts['target'] = target = Labelled(batch.target_img, ignored)
        yield '', self.segmentation_losses(batch, batch.source)
        yield 'trg', self.adversarial_losses(batch, target)
        yield 'discriminator', self.discriminator_losses(batch, target)

    def adversarial_losses(self, batch: Batch, target: Labelled) -> dict[str, Tensor]:
        """What the student descends: D shall take its predictions of the target for those of the source."""
        still = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        opinion = functional_call(self.discriminator, still, self.judged(batch, target))
        seen = resize(opinion.detach().float(), (target.img.shape[2], target.img.shape[3])).sigmoid()
        batch.extra['target taken for source (white: surely)'] = seen
        return {'loss_adv': self.adversarial_weight * cross_entropy(opinion, source=True)}

    def discriminator_losses(self, batch: Batch, target: Labelled) -> dict[str, Tensor]:
        """What D descends: it shall tell the domains apart."""
        opinions = [self.discriminator(self.judged(batch, part).detach()) for part in (batch.source, target)]
        return {
            'loss_source': 0.5 * cross_entropy(opinions[0], source=True),
            'loss_target': 0.5 * cross_entropy(opinions[1], source=False),
        }

    def judged(self, batch: Batch, part: Labelled) -> Tensor:
        """P of ``part``, (B, classes, H, W).

        Raises:
            InputError: the images are too small for D.
        """
        size, smallest = (part.img.shape[2], part.img.shape[3]), Discriminator.reduction
        if min(size) < smallest:
            raise InputError(
                f'AdvSeg: the discriminator needs images of {smallest} pixels a side or more, got {size} (height, '
                'width): enlarge the crop_size of the pipelines.'
            )
        logits = self.model.prediction(self.student_logits(batch, part))
        return resize(logits, size, align_corners=self.model.align_corners).softmax(dim=1)
