"""A method outside the package, in one file, which a config names in ``custom_imports``."""

from mmseg.models.uda.batch import Labelled
from mmseg.models.uda.dacs import DACS
from mmseg.registry import MODELS


@MODELS.register_module()
class Mirrored(DACS):
    """DACS, and the pseudo-labels of the target images are also learned from their mirror images."""

    def __init__(self, *, mirror_weight: float = 0.5, **dacs) -> None:
        super().__init__(**dacs)
        self.mirror_weight = mirror_weight

    def make_batch(self, data):
        batch = super().make_batch(data)
        maps = (batch.target_img, batch.pseudo.label, batch.pseudo.weight)
        batch.parts['mirrored'] = Labelled(*(x.flip(3) for x in maps))  # debug figures show them
        return batch

    def loss_terms(self, batch):
        yield from super().loss_terms(batch)
        losses = self.segmentation_losses(batch, batch.parts['mirrored'])
        yield 'mirror', losses | {'decode.loss_seg': self.mirror_weight * losses['decode.loss_seg']}
