"""Cityscapes (Cordts et al., 2016)."""

from collections.abc import Sequence

from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.registry import DATASETS


@DATASETS.register_module()
class CityscapesDataset(CustomDataset):
    """``leftImg8bit/train/aachen/X_leftImg8bit.png`` with ``gtFine/train/aachen/X_gtFine_labelTrainIds.png``."""

    LABELS = CITYSCAPES19
    PREPARATION = 'mmseg convert cityscapes {root} --nproc 8'

    def __init__(
        self,
        *,
        img_suffix: str | Sequence[str] = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtFine_labelTrainIds.png',
        **dataset,
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **dataset)
