"""Where the weights of an EfficientNet-Lite0 are found in the file of its PyTorch port."""

import re
from collections.abc import Sequence
from functools import cache

import torch

from mmseg.errors import InputError
from mmseg.models.weights import State

NETWORK = 'tf_efficientnet_lite0'
#: by this tensor a file of the port is known
OF_PORT = '_conv_stem.weight'
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
    import timm  # noqa: PLC0415 (takes seconds; only these weights need it)

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
