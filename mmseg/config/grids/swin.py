"""Swin with the DAFormer head, GTA -> Cityscapes: bounds, DACS, DAFormer, and additions to both."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'swin'


def rows(exp: str) -> Sequence[Run]:
    """Swin with the DAFormer head, GTA -> Cityscapes: bounds, DACS, DAFormer, and additions to both."""
    rows = {
        'daformer_swinB_src': 'source-only',
        'daformer_swinB_oral': 'target-only',
        'daformer_swinB_uda': 'dacs',
        'daformer_swinB_uda_soft': 'dacs_soft',
        'daformer_swinB_uda_soft_paste': 'dacs_soft_paste',
        'daformer_swinB_uda_soft_paste_mmd': 'dacs_soft_paste_mmd',
        'daformer_swinB_uda_soft_paste_mmd_rare': 'dacs_soft_paste_mmd_rcs',
        'uda_daformer_swinB': 'daformer',
        'uda_daformer_swinB_soft': 'daformer_soft',
        'uda_daformer_swinB_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_swinB_soft_paste': 'daformer_soft_paste',
        'uda_daformer_swinB_soft_paste_mmd': 'daformer_soft_paste_mmd',
        'uda_daformer_swinS': 'daformer',
        'uda_daformer_swinS_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_swinL224': 'daformer',
        'uda_daformer_swinL224_mmd': 'daformer_mmd',
        'uda_daformer_swinL224_mmd_soft': 'daformer_soft_mmd',
    }
    return shipped(exp, 'daformer', rows)
