import json
from pathlib import Path

import pytest

from tools import model_table
from tools.model_table import DOCUMENT, MEASURED, networks, origin, row

REPOSITORY = Path(__file__).parents[2]


def recorded():
    path = REPOSITORY / MEASURED
    return json.loads(path.read_text()) if path.is_file() else {}


def rows_of_document():
    lines = (REPOSITORY / DOCUMENT).read_text().splitlines()
    return {line.split(' | ')[0].removeprefix('| '): line for line in lines if line.startswith('| ')}


def test_the_document_lists_every_network():
    assert list(rows_of_document())[2:] == list(networks())
    assert len(networks()) >= 37


@pytest.mark.parametrize('name', ['daformer_sepaspp_mitb5', 'upernet_mae_base', 'deeplabv2red_r50-d8:s50'])
def test_the_document_says_what_the_command_would_write(name):
    assert row(networks()[name], recorded()) == rows_of_document()[name]


@pytest.mark.slow
def test_all_of_the_document_is_what_the_command_would_write(tmp_path):
    out = tmp_path / 'models.md'
    assert model_table.main(['--out', str(out), '--measured', str(REPOSITORY / MEASURED)]) == 0
    assert out.read_text() == (REPOSITORY / DOCUMENT).read_text()


def test_parameters_are_those_of_the_parts():
    cells = rows_of_document()['daformer_sepaspp_mitb5'].split(' | ')
    assert cells[3] == f'{(81_443_008 + 3_712_275) / 1e6:.1f}'  # MiT-B5 and the head, from published checkpoints


@pytest.mark.parametrize(
    ('pretrained', 'words', 'licence'),
    [
        (None, 'none', ''),
        ('open-mmlab://resnet101_v1c', '`open-mmlab://resnet101_v1c`', 'Apache-2.0'),
        ('pretrained/swin_base.pth', '(`swin_base`)', 'MIT'),
        ('pretrained/mit_b5.pth', '(`mit_b5`)', 'NVIDIA'),
    ],
)
def test_weights_come_with_their_licence(pretrained, words, licence):
    shown = origin(pretrained)
    assert shown[0].endswith(words)
    assert shown[1].startswith(licence)


def test_what_is_measured_is_recorded_and_shown(tmp_path, monkeypatch, capsys):
    results = {
        'deeplabv2_r50-d8': {'loss': 1.0, 'megabytes': 2048.0, 'seconds': 3.0, 'device': 'CPU'},
        'danet_r50-d8': {'problem': 'the process was killed'},
    }
    monkeypatch.setattr(model_table, 'measure', lambda network, work_dir: results[network.name])
    monkeypatch.setattr(model_table, 'networks', lambda: {name: networks()[name] for name in results})
    out, measured = tmp_path / 'docs' / 'models.md', tmp_path / 'docs' / 'models.json'
    command = ['--memory', '--out', str(out), '--measured', str(measured), '--work-dir', str(tmp_path)]
    assert model_table.main(command) == 1
    assert 'danet_r50-d8: the process was killed' in capsys.readouterr().out
    assert json.loads(measured.read_text()) == {
        'deeplabv2_r50-d8': {'megabytes': 2048.0, 'seconds': 3.0, 'device': 'CPU'}
    }
    assert '| 2.0 (CPU) |' in out.read_text()
    results['deeplabv2_r50-d8'] = {'problem': 'not measured again'}
    assert model_table.main(command) == 1
    assert 'not measured again' not in capsys.readouterr().out


def test_a_misspelt_network_is_named(tmp_path, capsys):
    assert model_table.main(['--memory', 'danet_r50', '--measured', str(tmp_path / 'none.json')]) == 2
    assert "Did you mean 'danet_r50-d8'" in capsys.readouterr().err
