"""Foundation encoders, GTA -> Cityscapes: the recipes of VFM-UDA and VFM-UDA++, and DINOv3 in their place."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'vfm'


def rows(exp: str) -> Sequence[Run]:
    """Foundation encoders, GTA -> Cityscapes: the recipes of VFM-UDA and VFM-UDA++, and DINOv3 in their place."""
    encoders = {'uda_dinov2': 'vfm_uda', 'uda_pp_dinov2': 'vfm_uda_pp', 'uda_pp_dinov3': 'vfm_uda_pp'}
    encoders['uda_pp_dinov3_convnext'] = 'vfm_uda_pp'
    return shipped(
        exp, 'vfm', {f'gtaHR2csHR_vfm_{name}_{size}': uda for name, uda in encoders.items() for size in 'bl'}
    )
