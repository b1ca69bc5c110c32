import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmseg.errors import InputError
from mmseg.models import weights
from mmseg.models.weights import get, manifest
from mmseg.models.weights.download import Source
from mmseg.models.weights.manifest import WeightFile
from tests.models.weights.served import CONTENT, SHA256, packed, refused
from tools import download as command

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def listed(server, here, monkeypatch):
    """A manifest of two files and an archive on the local server."""
    packed(here / 'run.tar.gz', [('run/latest.pth', CONTENT)])
    server.files['/run.tar.gz'] = (here / 'run.tar.gz').read_bytes()
    (here / 'run.tar.gz').unlink()

    def row(name, file, url, **more):
        shared = {'what': 'a network', 'megabytes': 1, 'licence': 'MIT', 'used_by': ('configs/*a*',)}
        return WeightFile(name=name, file=file, sources=(Source(refused()), Source(url)), **shared, **more)

    rows = {
        'net_a': row('net_a', 'a.pth', f'{server.url}/a.pth'),
        'net_b': row('net_b', 'b.pth', f'{server.url}/absent.pth'),
        'run': row('run', 'run', f'{server.url}/run.tar.gz', folder='work_dirs', archive='tar.gz'),
    }
    monkeypatch.setattr(manifest, 'weight_files', lambda: rows)
    monkeypatch.setattr(get, 'weight_files', lambda: rows)


def test_names_are_brought_to_their_places(listed, here, capsys, server):
    assert command.main(['net_a', 'run']) == 0
    assert (here / 'pretrained' / 'a.pth').read_bytes() == CONTENT
    assert (here / 'work_dirs' / 'run' / 'latest.pth').read_bytes() == CONTENT
    assert [path.name for path in (here / 'work_dirs').iterdir()] == ['run']
    printed = capsys.readouterr().out
    assert SHA256 in printed
    assert 'licence: MIT' in printed
    asked = len(server.asked)
    assert command.main(['net_a', 'run']) == 0
    assert len(server.asked) == asked
    assert capsys.readouterr().out.count('is there already') == 2


def test_one_failure_does_not_keep_the_others_away(listed, here, capsys):
    assert command.main(['net_b', 'net_c', 'net_a']) == 2
    assert (here / 'pretrained' / 'a.pth').is_file()
    message = capsys.readouterr().err
    assert 'b.pth cannot be downloaded' in message
    assert "no download 'net_c'. Did you mean 'net_" in message


def test_a_url_and_what_a_config_starts_from_are_downloaded(listed, here, server):
    server.files['/c-1.pth'] = b'c'
    assert command.main([f'{server.url}/c-1.pth']) == 0
    assert (here / 'pretrained' / 'c-1.pth').read_bytes() == b'c'
    backbone = {'type': 'mit_b0', 'init_cfg': {'type': 'Pretrained', 'checkpoint': 'pretrained/a.pth'}}
    model = {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': {'type': 'SegFormerHead'}}
    test = {'type': 'CityscapesDataset', 'pipeline': [], 'img_dir': 'a'}
    (here / 'own.py').write_text(f'model = {model!r}\ndata = dict(test={test!r})\n')
    assert get.expand('own.py') == ['net_a']


def test_all_names_are_listed_with_size_licence_and_use(capsys):
    assert command.main(['--list']) == 0
    printed = capsys.readouterr().out
    for name, row in manifest.weight_files().items():
        assert re.search(rf'^{name} ', printed, flags=re.MULTILINE)
        assert row.licence in printed
    assert 'configs/*swinB*' in printed


def test_without_a_name_the_command_says_what_it_needs(capsys):
    with pytest.raises(SystemExit, match='2'):
        command.main([])
    assert '--list' in capsys.readouterr().err


def test_the_shell_script_passes_names_on():
    script = REPOSITORY / 'tools' / 'download_checkpoints.sh'
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])  # a checkout may have no .venv
    done = subprocess.run(
        ['sh', str(script), 'mit_b'],
        cwd='/',
        env={**os.environ, 'PATH': path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no download 'mit_b'. Did you mean 'mit_b" in done.stderr


@pytest.mark.parametrize(
    'address', ['http://host', 'http://host/', 'http://host/a/', 'https://host/a/..', 'http://host/?a=b.pth']
)
def test_an_address_that_names_no_file_is_refused(here, address):
    for ask in (weights.find, lambda url: command.main([url])):
        if ask is weights.find:
            with pytest.raises(InputError, match='names no file'):
                ask(address)
        else:
            assert ask(address) == 2
    assert list(here.iterdir()) == []
