"""The methods of docs/methods.md on the toy pair."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'methods'


def rows(exp: str) -> Sequence[Run]:
    """DAFormer, MIC, HRDA, MIC(HRDA) and CLUDA on the toy pair, and source-only."""
    methods = ('source_only', 'daformer', 'mic', 'hrda', 'mic_hrda', 'cluda')
    return shipped(exp, 'toy', {method: method for method in methods}, prefix='toy_')
