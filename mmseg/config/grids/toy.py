"""Effect of each part of DAFormer and of MIC on the toy pair, between the lower and the upper bound."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'toy'


def rows(exp: str) -> Sequence[Run]:
    """Effect of each part of DAFormer and of MIC on the toy pair, between the lower and the upper bound."""
    methods = ('source_only', 'dacs', 'dacs_rcs', 'daformer', 'daformer_fd', 'mic', 'oracle')
    return shipped(exp, 'toy', {method: method for method in methods}, prefix='toy_')
