"""CamVid day -> dusk with a pretrained encoder, EfficientNet-Lite0: bounds, and the parts of DAFormer one by one."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'camvid_pretrained'


def rows(exp: str) -> Sequence[Run]:
    """CamVid day -> dusk, EfficientNet-Lite0 of ImageNet: bounds, and the parts of DAFormer one by one."""
    rows = {
        'day2dusk_daformer_lite0_src': 'source-only',
        'day2dusk_daformer_lite0_src_frozen': 'source-only, encoder frozen',
        'day2dusk_daformer_lite0_dacs': 'dacs',
        'day2dusk_daformer_lite0_dacs_rcs': 'dacs_rcs',
        'day2dusk_daformer_lite0_uda': 'daformer without fd',
        'day2dusk_daformer_lite0_uda_fd': 'daformer fd of all classes',
        'day2dusk_daformer_lite0_uda_fdthings': 'daformer',
        'day2dusk_daformer_lite0_uda_frozen': 'daformer without fd, encoder frozen',
        'day2dusk_daformer_lite0_uda_mic': 'mic without fd',
        'day2dusk_daformer_lite0_oracle': 'target-only',
    }
    return shipped(exp, 'camvid', rows)
