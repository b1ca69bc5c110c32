"""CamVid day -> dusk, MiT-B0: bounds, DAFormer, without one part, with additions."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'camvid'


def rows(exp: str) -> Sequence[Run]:
    """CamVid day -> dusk, MiT-B0: bounds, DAFormer, without one part, with additions."""
    rows = {
        'day2dusk_daformer_mitb0_src': 'source-only',
        'day2dusk_daformer_mitb0_uda': 'daformer',
        'day2dusk_daformer_mitb0_uda_norcs': 'daformer without rcs',
        'day2dusk_daformer_mitb0_uda_nowarm': 'daformer without warm-up',
        'day2dusk_daformer_mitb0_uda_photometric': 'daformer photometric',
        'day2dusk_daformer_mitb0_uda_soft': 'daformer_soft',
        'day2dusk_daformer_mitb0_uda_soft_paste': 'daformer_soft_paste',
        'day2dusk_daformer_mitb0_uda_mmd': 'daformer_mmd',
        'day2dusk_daformer_mitb0_uda_all': 'daformer_soft_paste_mmd',
        'day2dusk_daformer_mitb0_oracle': 'target-only',
    }
    return shipped(exp, 'camvid', rows)
