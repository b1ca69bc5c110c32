"""SYNTHIA-RAND-CITYSCAPES (Ros et al., 2016)."""

from collections.abc import Sequence

from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.registry import DATASETS


@DATASETS.register_module()
class SynthiaDataset(CustomDataset):
    """``RGB/0000000.png`` with ``GT/LABELS/0000000_labelTrainIds.png``; frames of 1280x760.

    Cityscapes classes, of which terrain, truck and train are not evaluated.
    """

    LABELS = CITYSCAPES19
    PREPARATION = 'mmseg convert synthia {root} --nproc 8'

    def __init__(
        self, *, img_suffix: str | Sequence[str] = '.png', seg_map_suffix: str = '_labelTrainIds.png', **dataset
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **dataset)
