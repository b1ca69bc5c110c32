"""ACDC, the Adverse Conditions Dataset with Correspondences (Sakaridis et al., 2021)."""

from collections.abc import Sequence

from mmseg.datasets.cityscapes import CityscapesDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class ACDCDataset(CityscapesDataset):
    """``rgb_anon/train/X_rgb_anon.png`` with ``gt/train/X_gt_labelTrainIds.png``; train ids come with the download.

    Conditions are told by folders: ``rgb_anon/val/fog/...``, or ``img_dir=['rgb_anon/fog/val', ...]``.
    """

    PREPARATION = ''
    GROUPS = ('fog', 'night', 'rain', 'snow')

    def __init__(
        self,
        *,
        img_suffix: str | Sequence[str] = '_rgb_anon.png',
        seg_map_suffix: str = '_gt_labelTrainIds.png',
        **dataset,
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **dataset)
