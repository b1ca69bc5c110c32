"""A method outside the package, in one file, which a config names in ``custom_imports``."""

from mmseg.config.rules import across_sections, old_spelling
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


@old_spelling
def _flip_weight(values):
    uda = values.get('uda') or {}
    if 'flip_weight' not in uda:
        return []
    uda['mirror_weight'] = uda.pop('flip_weight')
    return ['uda.flip_weight is now uda.mirror_weight']


@across_sections
def _needs_room(values):
    if (values.get('uda') or {}).get('type') == 'Mirrored' and values['data']['samples_per_gpu'] > 64:
        yield "uda.type='Mirrored' keeps three images of every sample: set data.samples_per_gpu to 64 at most."
