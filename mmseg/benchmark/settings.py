"""Names of what is measured: settings of a training step, encoders, the config of the paper. Imports nothing heavy."""

from dataclasses import dataclass

from mmseg.errors import InputError, nearest

#: the final config of the paper, as it comes with the code
FINAL = 'daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py'
WORDS = {
    'fast': 'everything as a run has it (fp32)',
    'plain': 'no fast kernel: convolutions of channels first, a group and an update per tensor, memory handed back',
    'bf16': "precision='bf16'",
    'fp16': "precision='fp16'",
    'tf32': 'tf32=True',
    'compile': 'compile=True',
    'graphs': "compile='reduce-overhead'",
    'fuse': 'fuse_forward=True',
    'split': 'fuse_forward=False',
    'checkpoint': 'backbone.with_cp=True',
    'no_winograd': 'dense 3x3 convolutions without Winograd',
    'no_products_back': 'convolutions of one tap go back by oneDNN',
    'no_pointwise': "convolutions of one tap by torch's own kernel",
    'no_phases': "dilated depthwise convolutions by torch's own kernel",
    'other_products': 'large products by the library that is not chosen here',
}
ENCODERS = {'mit_b0': [32, 64, 160, 256], **{f'mit_b{i}': [64, 128, 320, 512] for i in range(1, 6)}}


@dataclass(frozen=True)
class Setting:
    """Words of :data:`WORDS`, joined by commas on the command line."""

    text: str

    def __post_init__(self) -> None:
        for word in self.words:
            if word not in WORDS:
                raise InputError(f'{word!r} is no setting.{nearest(word, WORDS)} Known: {", ".join(WORDS)}.')

    @property
    def words(self) -> list[str]:
        return self.text.split(',')

    @property
    def precision(self) -> str:
        return next((word for word in self.words if word in ('bf16', 'fp16')), 'fp32')
