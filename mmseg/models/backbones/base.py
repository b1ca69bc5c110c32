"""What encoders share: where their weights come from, and which part of them is not trained."""

import bisect
import logging
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.models.weights import State, load_pretrained, pretrained_of
from mmseg.models.weights.read_marks import read_names

#: what encoders call the learnt token that stands for hidden patches (no secret, as bandit supposes)
MASK_TOKEN = 'mask_token'  # nosec B105


class PixelStatistics(NamedTuple):
    """``mean`` and ``std`` of each channel, of pixels in 0..255, that images are normalised with."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Backbone(nn.Module, ABC):
    """An encoder: an image (B, 3, H, W) -> feature maps, finest first.

    A subclass says which entries of its state dict a file ``may_be_missing``, which entries of a file are ``ignored``
    (names, leading parts of names, or patterns), and how a foreign file is translated (:meth:`convert`).

    Args:
        pretrained: file (or URL) of weights, loaded by :meth:`init_weights`.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``; with a ``prefix``,
            those entries of the file whose names begin with it; with ``bands`` ('mean' or 'repeat'), how the first
            layer of weights for RGB serves images of other bands.
    """

    may_be_missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    #: whether its maps lie in memory pixel by pixel, as those of tokens do
    channels_last: ClassVar[bool] = False
    #: (height, width) of the only images that it takes; None = any
    fixed_size: tuple[int, int] | None = None
    #: what the images were normalised with that its pretrained weights come from; None = not known
    pixel_statistics: PixelStatistics | None = None
    #: how names of parameters in the blocks begin: groups ``stage`` and ``block`` (numbers), and ``end`` (text)
    #: or ``norm`` (the stage's number) of what is behind the blocks; None for an encoder that does not say it
    block_names: ClassVar[str | None] = None
    #: parts (names of children) beside the blocks that no file of pretrained weights has to hold
    beside: tuple[str, ...] = ()

    def __init__(self, *, pretrained: str | None = None, init_cfg: dict | None = None) -> None:
        super().__init__()
        self.pretrained, self.prefix, self.pretrained_bands = pretrained_of(
            pretrained, init_cfg, owner=type(self).__name__
        )

    def init_weights(self) -> None:
        """Load the pretrained file if one is named, else draw the weights.

        Raises:
            InputError: the file is missing, is not a checkpoint, or belongs to another network.
        """
        if self.pretrained is None:
            self.draw_weights()
        else:
            self.load_file(self.pretrained)

    def load_file(self, path: str) -> None:
        """Load a file of pretrained weights.

        Raises:
            InputError: as of :meth:`init_weights`.
        """
        load_pretrained(
            self,
            path,
            convert=self.convert,
            may_be_missing=self.may_be_missing,
            ignored=self.ignored,
            prefix=self.prefix,
            bands=self.pretrained_bands,
        )
        if getattr(self, MASK_TOKEN, None) is not None and MASK_TOKEN not in read_names(self):
            print_log(
                f'{path} has no mask token: that of {type(self).__name__} starts at 0 and learns.',
                'current',
                logging.WARNING,
            )

    @abstractmethod
    def draw_weights(self) -> None:
        """Start from random weights."""

    @abstractmethod
    def forward(self, x: Tensor) -> list[Tensor]:
        """Image (B, 3, H, W) -> feature maps, finest first."""

    def convert(self, state: State) -> State:
        """The weights in a file under the names, and in the shapes, of this network."""
        return state

    def check_size(self, size: tuple[int, int]) -> None:
        """Refuse images of a ``size`` (height, width) that :meth:`forward` does not take; any is taken here.

        Raises:
            InputError: with the way out.
        """

    def block_depths(self) -> dict[str, int]:
        """How deep each parameter is: 0 of the stem, then the number of its block. Norms go with the block before them.

        What stands beside the blocks is as near to the head as the last one.

        Raises:
            InputError: the encoder does not say where its blocks are.
        """
        depths = self.depths_among_blocks()
        last = max(depths.values())
        return {name: last if name.partition('.')[0] in self.beside else depth for name, depth in depths.items()}

    def depths_among_blocks(self) -> dict[str, int]:
        """As :meth:`block_depths`, but for what stands beside the blocks, which is at any depth."""
        if self.block_names is None:
            raise InputError(
                f'optimizer.paramwise_cfg.layer_decay: {type(self).__name__} does not say where its blocks are; give '
                'its parts rates with custom_keys (and a rule of model.tuning the names of layers, not first_block).'
            )
        places = {name: _place(self.block_names, name) for name, _ in self.named_parameters()}
        blocks = sorted({place for place in places.values() if 0 <= place[1] < math.inf})
        stem = min(places.values())
        return {  # what is in front of a stage's blocks goes with the first of them
            name: bisect.bisect_right(blocks, place) + int(place[1] < 0 and place != stem)
            for name, place in places.items()
        }


def _place(block_names: str, name: str) -> tuple[float, float]:
    """Where the parameter stands: (stage, block); the stem is in front of all, the end of a stage behind its blocks."""
    found = re.match(block_names, name)
    if found is None:
        return -1, -1
    groups = {key: value for key, value in found.groupdict().items() if value is not None}
    stage = int(groups.get('stage', groups.get('norm', 0)))
    if 'norm' in groups or 'end' in groups:
        return stage, math.inf
    return stage, int(groups.get('block', -1))


def still_parts(module: nn.Module) -> list[nn.Module]:
    """The largest parts of ``module`` that have parameters none of which learns."""
    parameters = list(module.parameters())
    if not parameters:
        return []
    if not any(parameter.requires_grad for parameter in parameters):
        return [module]
    return [part for child in module.children() for part in still_parts(child)]


def learns_anyway(encoder: nn.Module, name: str) -> bool:
    """Whether the part of this full ``name`` is none of the pretrained ones: it learns, whatever else is frozen."""
    return name.partition('.')[0] in (MASK_TOKEN, *getattr(encoder, 'beside', ()))


def freeze(modules: Iterable[nn.Module]) -> None:
    """Leave the parameters of ``modules`` as they are, and their statistics and dropout switched to evaluation."""
    for module in modules:
        module.eval()
        module.requires_grad_(False)
