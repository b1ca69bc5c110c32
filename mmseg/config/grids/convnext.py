"""ConvNeXt with the DAFormer head, GTA -> Cityscapes: bounds, DACS, DAFormer, and additions to both."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'convnext'


def rows(exp: str) -> Sequence[Run]:
    """ConvNeXt with the DAFormer head, GTA -> Cityscapes: bounds, DACS, DAFormer, and additions to both."""
    rows = {
        'daformer_convnextB_src': 'source-only',
        'daformer_convnextB_oral': 'target-only',
        'daformer_convnextB_uda': 'dacs',
        'daformer_convnextB_uda_soft_paste_mmd': 'dacs_soft_paste_mmd',
        'daformer_convnextB_uda_soft_paste_mmd_rare': 'dacs_soft_paste_mmd_rcs',
        'uda_daformer_convnextB': 'daformer',
        'uda_daformer_convnextB_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_convnextB_soft_paste': 'daformer_soft_paste',
        'uda_daformer_convnextS': 'daformer',
        'uda_daformer_convnextS_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_convnextL': 'daformer',
    }
    return shipped(exp, 'daformer', rows)
