"""DSP, GTA -> Cityscapes, with DeepLabV2 and with the DAFormer network."""

from collections.abc import Sequence

from mmseg.config.experiment import Run, shipped

EXP = 'dsp'


def rows(exp: str) -> Sequence[Run]:
    """DSP, GTA -> Cityscapes, with DeepLabV2 and with the DAFormer network."""
    return shipped(exp, 'dsp', {'gta2cs_dsp_deeplabv2_r101': 'dsp', 'gta2cs_dsp_daformer_mitb5': 'dsp'})
