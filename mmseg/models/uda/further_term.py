"""A term of the objective that wraps any method: ``uda=dict(type='DACS', terms=[dict(type='MaskedConsistency')])``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from mmseg.models.networks import Network

if TYPE_CHECKING:
    from mmseg.models.uda.batch import Batch
    from mmseg.models.uda.uda_decorator import Term, UDADecorator


class FurtherTerm(nn.Module):
    """What a method's objective gets besides the method's own terms. It may have settings, weights and networks.

    It learns from what is in the batch, asks the method for ``student_features``, ``student_logits`` and
    ``segmentation_losses`` of any images, and leaves the method as it is. Images of its own go into ``batch.parts``,
    where the debug figures find them.

    Attributes:
        name: where the method keeps it, and so the prefix of its state in checkpoints; each once in a method.
        shares_graphs: whether it needs the student's features or logits of the source or the mixed images, whose
            graphs then live until it is descended with them.
        target_fields: fields of the target's samples besides the image that it reads.
    """

    name: ClassVar[str]
    shares_graphs: ClassVar[bool] = False
    target_fields: ClassVar[frozenset[str]] = frozenset()

    def attach(self, method: 'UDADecorator') -> None:
        """Make what takes a copy of the student; called once, as soon as the student is built.

        Raises:
            InputError: the term does not go with this method.
        """

    def init_weights(self, method: 'UDADecorator') -> None:
        """Start from the initialised student."""

    def networks(self) -> list[Network]:
        """Networks of the term's own, named as in its state dict."""
        return []

    def before_step(self, method: 'UDADecorator') -> None:
        """Move what follows the student; no gradients are kept."""

    def prepare(self, method: 'UDADecorator', batch: 'Batch') -> None:
        """Make what the student will learn from; no gradients are kept."""

    def loss_terms(self, method: 'UDADecorator', batch: 'Batch') -> Iterator['Term']:
        """As :meth:`UDADecorator.loss_terms`."""
        raise NotImplementedError
