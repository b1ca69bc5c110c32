"""What learns of an encoder, and what is added to it that does: rules by name, applied to any encoder when it is built.

Names of the encoder in a state dict stay, so that files of pretrained weights load as they are.
"""

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from mmseg.errors import InputError
from mmseg.models.backbones.base import freeze, learns_anyway, still_parts
from mmseg.models.tuning.low_rank import LowRankLinear
from mmseg.models.weights.read_marks import read_names
from mmseg.registry import MODELS


class Tuning(ABC):
    """A rule of ``model.tuning``."""

    #: whether all of the encoder that no rule adds, and that pretrained weights hold, keeps its weights
    freezes_rest = True

    @abstractmethod
    def apply(self, encoder: nn.Module) -> list[str]:
        """Change the ``encoder``, whose weights are not there yet; what it adds, as patterns of names.

        Raises:
            InputError: a rule names a layer that the encoder does not have.
        """

    def start(self, encoder: nn.Module) -> None:  # noqa: B027 (many rules have nothing to draw)
        """Draw what was added, once the ``encoder`` has its weights."""


class EncoderTuning:
    """All rules of an encoder.

    Args:
        encoder: what they apply to, in their order.
        rules: their configs.

    Raises:
        InputError: a rule does not fit the encoder.
    """

    def __init__(self, encoder: Any, rules: Sequence[Mapping]) -> None:
        self.encoder = encoder
        self.rules: list[Tuning] = [MODELS.build(rule) for rule in rules]
        for rule in self.rules:
            if not isinstance(rule, Tuning):
                raise InputError(f'model.tuning: {type(rule).__name__} is no way to tune an encoder.')
        if any(rule.freezes_rest for rule in self.rules):
            for name, parameter in encoder.named_parameters():
                if not learns_anyway(encoder, name):
                    parameter.requires_grad_(False)
        self._added_by = [rule.apply(encoder) for rule in self.rules]
        added = [pattern for patterns in self._added_by for pattern in patterns]
        #: patterns of the names of what the rules have added
        self.added = added
        if added:
            self.encoder.may_be_missing = (*self.encoder.may_be_missing, *added)
        self.still = still_parts(encoder) if rules else []

    def init_weights(self) -> None:
        """Give the encoder its weights, then what was added, unless the encoder's file is one with that.

        Raises:
            InputError: as of the encoder, or its file has a part of what a rule adds.
        """
        if hasattr(self.encoder, 'init_weights'):
            with self._as_it_was():
                self.encoder.init_weights()
        read, names = read_names(self.encoder), list(self.encoder.state_dict())
        for rule, patterns in zip(self.rules, self._added_by, strict=True):
            own = [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
            absent = [name for name in own if name not in read]
            if absent == own:
                rule.start(self.encoder)
            elif absent:
                raise InputError(
                    f'{type(rule).__name__}: the pretrained file is of an encoder that was tuned otherwise: it has '
                    f'{len(own) - len(absent)} of the {len(own)} entries that the rule adds, and not {absent[0]}.'
                )

    def start(self) -> None:
        """Draw what was added anew, for the weights that the encoder has now."""
        for rule in self.rules:
            rule.start(self.encoder)

    def keep_still(self) -> None:
        """Switch what keeps its weights to evaluation: its statistics stay too, and it does not drop anything."""
        freeze(self.still)

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        """Layers are of their own class again: what draws weights writes into those of a layer."""
        changed: list[tuple[Any, type]] = [
            (layer, type(layer)) for layer in self.encoder.modules() if isinstance(layer, LowRankLinear)
        ]
        for layer, _ in changed:
            layer.__class__ = layer.plain
        try:
            yield
        finally:
            for layer, kind in changed:
                layer.__class__ = kind
