"""What encoders share: where their weights come from, and which part of them is not trained."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import Tensor, nn

from mmseg.models.weights import State, load_pretrained, pretrained_of


class Backbone(nn.Module, ABC):
    """An encoder: an image (B, 3, H, W) -> feature maps, finest first.

    A subclass says which entries of its state dict a file ``may_be_missing``, which entries of a file are ``ignored``
    (names, leading parts of names, or patterns), and how a foreign file is translated (:meth:`convert`).

    Args:
        pretrained: file (or URL) of weights, loaded by :meth:`init_weights`.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``; with a ``prefix``,
            those entries of the file whose names begin with it.
    """

    may_be_missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    #: (height, width) of the only images that it takes; None = any
    fixed_size: tuple[int, int] | None = None

    def __init__(self, *, pretrained: str | None = None, init_cfg: dict | None = None) -> None:
        super().__init__()
        self.pretrained, self.prefix = pretrained_of(pretrained, init_cfg, owner=type(self).__name__)

    def init_weights(self) -> None:
        """Load the pretrained file if one is named, else draw the weights.

        Raises:
            InputError: the file is missing, is not a checkpoint, or belongs to another network.
        """
        if self.pretrained is None:
            self.draw_weights()
        else:
            load_pretrained(
                self,
                self.pretrained,
                convert=self.convert,
                may_be_missing=self.may_be_missing,
                ignored=self.ignored,
                prefix=self.prefix,
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


def freeze(modules: Iterable[nn.Module]) -> None:
    """Leave the parameters of ``modules`` as they are, and their statistics and dropout switched to evaluation."""
    for module in modules:
        module.eval()
        module.requires_grad_(False)
