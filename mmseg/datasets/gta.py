"""GTA5 (Richter et al., Playing for Data, 2016)."""

from collections.abc import Sequence

from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.registry import DATASETS


@DATASETS.register_module()
class GTADataset(CustomDataset):
    """``images/00001.png`` with ``labels/00001_labelTrainIds.png``; frames of 1914x1052, Cityscapes classes."""

    LABELS = CITYSCAPES19
    PREPARATION = 'mmseg convert gta {root} --nproc 8'

    def __init__(
        self, *, img_suffix: str | Sequence[str] = '.png', seg_map_suffix: str = '_labelTrainIds.png', **dataset
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **dataset)
