"""Dark Zurich (Sakaridis et al., 2019)."""

from collections.abc import Sequence

from mmseg.datasets.cityscapes import CityscapesDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class DarkZurichDataset(CityscapesDataset):
    """``rgb_anon/val/night/X_rgb_anon.png`` with ``gt/val/night/X_gt_labelTrainIds.png``; only val has labels."""

    PREPARATION = ''

    def __init__(
        self,
        *,
        img_suffix: str | Sequence[str] = '_rgb_anon.png',
        seg_map_suffix: str = '_gt_labelTrainIds.png',
        **dataset,
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **dataset)
