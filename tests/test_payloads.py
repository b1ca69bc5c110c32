"""Files that would run code when they are unpickled: no door of the project opens them."""

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from demo import image_demo
from mmseg.commands import predict
from tests.fabricated import small_config, work_dir
from tools import publish_model, test_work_dir
from tools import test as test_command
from tools.model_converters import beit2mmseg, convnext2mmseg, mit2mmseg, swin2mmseg, vit2mmseg

CONVERTERS = {
    module.__name__.rpartition('.')[2]: module
    for module in (beit2mmseg, convnext2mmseg, mit2mmseg, swin2mmseg, vit2mmseg)
}


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self):
        return os.mkdir, (str(self.made),)


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    return work_dir(tmp_path_factory.mktemp('runs'), small_config())


@pytest.fixture(params=['in a checkpoint', 'plain pickle'])
def poisoned(request, run, tmp_path) -> Path:
    """The run's checkpoint with a payload; ``tmp_path/ran`` is there as soon as it was unpickled."""
    file, payload = run / 'latest.pth', Payload(tmp_path / 'ran')
    if request.param == 'plain pickle':
        file.write_bytes(pickle.dumps(payload))
    else:
        torch.save({'state_dict': {'weight': payload}, 'meta': {'iter': 1, 'seed': 0}, 'optimizer': {}}, file)
    return file


def calls(file: Path, folder: Path) -> dict:
    config, image = str(next(file.parent.glob('*.json'))), str(folder / 'a.png')
    return {
        'test': (test_command, [config, str(file)]),
        'test.sh': (test_work_dir, [str(file.parent)]),
        'demo': (image_demo, [image, config, str(file)]),
        'predict': (predict, [image, config, str(file), '--out', str(folder / 'out')]),
        'publish': (publish_model, [str(file), str(folder / 'published.pth')]),
        **{name: (module, [str(file), str(folder / 'converted.pth')]) for name, module in CONVERTERS.items()},
    }


@pytest.mark.parametrize('door', ['test', 'test.sh', 'demo', 'predict', 'publish', *CONVERTERS])
def test_a_file_that_would_run_code_is_refused_by(door, poisoned, tmp_path, capfd):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((32, 32, 3), np.uint8))
    module, arguments = calls(poisoned, tmp_path)[door]
    assert module.main(arguments) == 2
    assert capfd.readouterr().err.startswith('error: ')
    assert not (tmp_path / 'ran').exists()


def test_the_payload_works(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / 'ran')))
    assert (tmp_path / 'ran').is_dir()
