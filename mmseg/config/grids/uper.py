"""UPerNet on BEiT, MAE and Swin, GTA -> Cityscapes."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'uper'


def rows(exp: str) -> Sequence[Run]:
    """UPerNet on BEiT, MAE and Swin, GTA -> Cityscapes."""
    rows = {
        'uper_beit_uda': 'dacs',
        'uper_beit_DAFormer': 'daformer',
        'uper_mae_uda': 'dacs',
        'uper_mae_DAFormer': 'daformer',
        'uper_fcn_swinB_uda_soft_paste_mmd_rare': 'dacs_soft_paste_mmd_rcs',
    }
    return shipped(exp, 'daformer', rows)
