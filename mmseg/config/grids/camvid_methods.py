"""The methods of docs/methods.md on real images: CamVid day -> dusk with a pretrained encoder."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'camvid_methods'


def rows(exp: str) -> Sequence[Run]:
    """DAFormer, MIC, HRDA, MIC(HRDA) and CLUDA on CamVid day -> dusk with EfficientNet-Lite0, and source-only."""
    rows = {
        'day2dusk_daformer_lite0_src': 'source-only',
        'day2dusk_daformer_lite0_uda': 'daformer',
        'day2dusk_daformer_lite0_uda_mic': 'mic',
        'day2dusk_daformer_lite0_hrda': 'hrda',
        'day2dusk_daformer_lite0_mic_hrda': 'mic_hrda',
        'day2dusk_daformer_lite0_cluda': 'cluda',
    }
    return shipped(exp, 'camvid', rows)
