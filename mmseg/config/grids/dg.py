"""Domain generalisation from GTA with foundation encoders that stay as they are or learn in part."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'dg'


def rows(exp: str) -> Sequence[Run]:
    """Domain generalisation from GTA with foundation encoders that stay as they are or learn in part."""
    ways = ('dinov2_l_frozen', 'dinov2_l_lora', 'dinov2_l_soma', 'dinov3_l_soma')
    return shipped(exp, 'dg', {f'gta2all_{way}': way for way in ways})
