import hashlib
import json
import re

import pytest
import torch

from mmseg.engine.checkpoints.publish import publish
from mmseg.errors import InputError
from mmseg.models.weights import load_network
from tests.models.networks import build, tiny_segmentor
from tools import publish_model


@pytest.fixture
def run(tmp_path):
    """The checkpoint of an adaptation, with what belongs to the machine it ran on."""
    state = build(tiny_segmentor()).state_dict()
    networks = {
        f'{name}.{key}': value + by if value.is_floating_point() else value
        for by, name in enumerate(('model', 'ema_model', 'imnet_model'))
        for key, value in state.items()
    }
    meta = {
        'CLASSES': ('road', 'sky', 'car', 'bus', 'train'),
        'PALETTE': [(i, i, i) for i in range(5)],
        'iter': 40_000,
        'config': "data_root = '/home/me/secret'",
        'environment': {'command': '/home/me/secret/train.py'},
    }
    path = tmp_path / 'iter_40000.pth'
    torch.save({'meta': meta, 'state_dict': networks, 'optimizer': {'state': {}}}, path)
    return path, state


@pytest.mark.parametrize(('which', 'by'), [('student', 0), ('teacher', 1)])
def test_one_network_is_published_and_loads_without_trust(tmp_path, run, which, by):
    checkpoint, state = run
    path = publish(checkpoint, tmp_path / 'out' / 'daformer.pth', weights=which)
    content = torch.load(path, weights_only=True)
    assert content.keys() == {'meta', 'state_dict'}
    assert content['state_dict'].keys() == state.keys()
    for key, value in content['state_dict'].items():
        assert torch.equal(value, state[key] + by if value.is_floating_point() else state[key]), key
    meta = load_network(build(tiny_segmentor()), path)
    assert meta['CLASSES'] == ['road', 'sky', 'car', 'bus', 'train']
    assert meta['PALETTE'][4] == [4, 4, 4]
    assert meta['iter'] == 40_000
    assert b'secret' not in path.read_bytes()


def test_the_name_ends_in_the_checksum_of_the_file(tmp_path, run, capsys):
    assert publish_model.main([str(run[0]), str(tmp_path / 'out' / 'daformer.pth')]) == 0
    (path,) = (tmp_path / 'out').iterdir()
    assert re.fullmatch(r'daformer-[0-9a-f]{8}\.pth', path.name)
    assert path.name[9:17] == hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert capsys.readouterr().out.strip() == str(path)
    again = publish(path, path)  # published again, it is the same file
    assert again == path


def test_what_holds_no_segmentation_network_is_refused(tmp_path, run):
    torch.save(build(tiny_segmentor()).backbone.state_dict(), tmp_path / 'mit.pth')
    with pytest.raises(InputError, match=r'mit\.pth holds no segmentation network'):
        publish(tmp_path / 'mit.pth', tmp_path / 'out.pth')
    torch.save(run[1], tmp_path / 'plain.pth')
    with pytest.raises(InputError, match='no teacher'):
        publish(tmp_path / 'plain.pth', tmp_path / 'out.pth', weights='teacher')
    with pytest.raises(InputError, match='is a folder'):
        publish(tmp_path / 'plain.pth', tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'iter_40000.pth', 'mit.pth', 'plain.pth'}


@pytest.mark.parametrize(
    ('meta', 'weight', 'said'),
    [
        ({'CLASSES': 3}, 0.0, 'meta.CLASSES has to be'),
        ({'PALETTE': [['x']]}, 0.0, 'meta.PALETTE has to be'),
        ({'iter': 'x'}, float('nan'), 'weights that are no numbers'),
    ],
)
def test_what_nobody_could_use_is_not_published(tmp_path, meta, weight, said):
    torch.save({'meta': meta, 'state_dict': {'decode_head.w': torch.tensor([weight])}}, tmp_path / 'odd.pth')
    with pytest.raises(InputError, match=said):
        publish(tmp_path / 'odd.pth', tmp_path / 'out.pth')


def test_what_is_published_is_the_network_that_the_run_evaluates(tmp_path, run):
    checkpoint, state = run
    content = torch.load(checkpoint, weights_only=True)
    content['meta']['config'] = '{"evaluation": {"weights": "teacher"}}'
    torch.save(content, checkpoint)
    made = torch.load(publish(checkpoint, tmp_path / 'mean.pth'), weights_only=True)
    name = 'decode_head.conv_seg.weight'
    assert torch.equal(made['state_dict'][name], state[name] + 1)
    assert made['meta']['weights'] == 'teacher'


def test_a_model_card_tells_what_the_checkpoint_knows_and_no_path(tmp_path, run):
    checkpoint, _ = run
    content = torch.load(checkpoint)
    pair = {
        'source': {'type': 'GTADataset', 'data_root': '/home/me/secret'},
        'target': {'type': 'CityscapesDataset', 'data_root': '/home/me/secret'},
    }
    config = {
        'model': {'type': 'EncoderDecoder', 'backbone': {'type': 'mit_b0'}, 'decode_head': {'type': 'DAFormerHead'}},
        'data': {'train': {'type': 'UDADataset', **pair}},
        'uda': {'type': 'DACS'},
    }
    content['meta']['config'] = json.dumps(config)
    torch.save(content, checkpoint)
    path = publish(checkpoint, tmp_path / 'out.pth', card=True)
    card = path.with_suffix('.md').read_text()
    for told in (
        path.name,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        'EncoderDecoder, mit_b0, DAFormerHead',
        '| DACS |',
    ):
        assert told in card
    assert '| trained on | GTADataset |\n| adapted to | CityscapesDataset |\n| iterations | 40000 |' in card
    assert 'road, sky, car, bus, train' in card
    assert 'secret' not in card
