"""Parts of an encoder that keep their weights."""

from collections.abc import Sequence

from torch import nn

from mmseg.models.tuning.rules import chosen, layers_of
from mmseg.models.tuning.tuning import Tuning
from mmseg.registry import MODELS


@MODELS.register_module()
class Freeze(Tuning):
    """The encoder, or layers of it, keep weights and statistics, and predict as in evaluation.

    Not what pretrained weights do not hold: a mask token, the adapter of :class:`ViTAdapter`.

    Args:
        layers: which, by the last parts of their names: 'patch_embed', 'blocks.0', 'norm*'; None for all.

    Raises:
        InputError: a name is that of no layer.
    """

    def __init__(self, *, layers: Sequence[str] | None = None) -> None:
        self.layers = layers
        self.freezes_rest = layers is None

    def apply(self, encoder: nn.Module) -> list[str]:
        if self.layers is not None:
            modules = {
                name: layer for name, layer in layers_of(encoder).items() if any(True for _ in layer.parameters())
            }
            for module in chosen(modules, self.layers, owner='Freeze').values():
                module.requires_grad_(False)
        return []
