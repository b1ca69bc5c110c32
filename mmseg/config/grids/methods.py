"""The methods of docs/methods.md on the toy pair drawn at 512x256."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'methods'


def rows(exp: str) -> Sequence[Run]:
    """DAFormer, MIC, HRDA, MIC(HRDA) and CLUDA on the toy pair drawn at 512x256, and source-only."""
    rows = {
        'large_source_only': 'source-only',
        'large_daformer': 'daformer',
        'large_mic': 'mic',
        'large_hrda': 'hrda',
        'large_mic_hrda': 'mic_hrda',
        'large_cluda': 'cluda',
    }
    return shipped(exp, 'toy', rows, prefix='toy_')
