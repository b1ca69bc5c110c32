import errno
import fnmatch
import hashlib
import io
import os
import random
import re
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmseg.errors import InputError
from mmseg.models import download, get_weights, weight_files, weights
from mmseg.models.download import Source, fetch
from mmseg.models.unpack import unpack
from mmseg.models.weight_files import WeightFile
from tests.tools.file_server import serving
from tools import download as command

REPOSITORY = Path(__file__).parents[2]
CONTENT = random.Random(0).randbytes(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with serving() as running:
        running.files['/a.pth'] = CONTENT
        yield running


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused():
    """An address at which nobody listens."""
    return 'http://127.0.0.1:9/a.pth'


def assert_only(folder, content=CONTENT):
    """The file is there, whole, and nothing else is."""
    assert [path.name for path in folder.iterdir()] == ['a.pth']
    assert (folder / 'a.pth').read_bytes() == content


@pytest.mark.parametrize(
    ('source', 'checksum'),
    [
        (Source('https://example.org/resnet50_v1c-2cccc1ad.pth'), '2cccc1ad'),
        (Source('https://example.org/mit_b5_20220624-658746d9.pth?download=1'), '658746d9'),
        (Source('https://example.org/convnext-small_3rdparty.pth'), ''),
        (Source('https://example.org/mit_b5.pth'), ''),
        (Source('https://example.org/mit_b5-2cccc1ad.pth', sha256='ff' * 32), 'ff' * 32),
    ],
)
def test_a_checksum_is_given_or_stands_in_the_name(source, checksum):
    assert source.checksum == checksum


def test_the_first_source_that_has_the_file_gives_it(server, tmp_path):
    server.files['/wrong.pth'] = b'something else'
    sources = [
        Source(refused()),
        Source(f'{server.url}/absent.pth'),
        Source(f'{server.url}/wrong.pth', sha256=SHA256),
        Source(f'{server.url}/a.pth', sha256=SHA256[:8]),
        Source(f'{server.url}/never-asked.pth'),
    ]
    assert fetch(sources, tmp_path / 'new' / 'a.pth') is sources[3]
    assert_only(tmp_path / 'new')
    assert [path for path, _ in server.asked] == ['/absent.pth', '/wrong.pth', '/a.pth']


def test_when_no_source_gives_the_file_the_message_says_why_of_each(server, tmp_path):
    server.pages['/page.pth'] = '<html>moved</html>'
    server.files['/b-00000000.pth'] = CONTENT
    urls = [refused(), *(f'{server.url}/{name}.pth' for name in ('absent', 'page', 'b-00000000'))]
    with pytest.raises(InputError) as error:
        fetch([*map(Source, urls), Source('ftp-without-address')], tmp_path / 'a.pth')
    first, *reasons, last = str(error.value).splitlines()
    assert 'a.pth cannot be downloaded' in first
    for reason, expected in zip(reasons, ['refused', '404', 'web page', 'checksum', 'no http(s) address'], strict=True):
        assert expected in reason
    assert f'SHA-256 {SHA256[:8]}, not 00000000' in reasons[3]
    assert str(tmp_path / 'a.pth') in last
    assert not any(tmp_path.iterdir())


def test_a_broken_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.breaks = [30_000, 30_000]
    fetch([Source(f'{server.url}/a.pth', sha256=SHA256)], tmp_path / 'a.pth')
    assert_only(tmp_path)
    assert [part for _, part in server.asked] == [None, 'bytes=30000-', 'bytes=60000-']


def test_a_later_download_goes_on_from_what_an_earlier_one_has_left(server, tmp_path):
    source = Source(f'{server.url}/a.pth', sha256=SHA256)
    server.breaks = [40_000, 0]
    with pytest.raises(InputError, match=r'broke after 40000 of 100000 bytes'):
        fetch([source], tmp_path / 'a.pth')
    assert not (tmp_path / 'a.pth').exists()
    server.asked = []
    fetch([source], tmp_path / 'a.pth')
    assert server.asked == [('/a.pth', 'bytes=40000-')]
    assert_only(tmp_path)


def begun(server, folder, content):
    """A download that was interrupted after it had brought ``content``."""
    source = Source(f'{server.url}/a.pth')
    part = folder / f'.a.pth.{hashlib.sha256(source.url.encode()).hexdigest()[:8]}.part'
    part.write_bytes(content)
    part.with_suffix('.version').write_text('"1"')
    return source


def test_a_download_that_lacked_only_its_name_is_not_repeated(server, tmp_path):
    fetch([begun(server, tmp_path, CONTENT)], tmp_path / 'a.pth')
    assert server.asked == [('/a.pth', 'bytes=100000-')]
    assert_only(tmp_path)


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    fetch([begun(server, tmp_path, CONTENT + b'more')], tmp_path / 'a.pth')
    assert_only(tmp_path)


def test_a_file_that_changed_meanwhile_is_begun_anew(server, tmp_path):
    source = begun(server, tmp_path, b'old' * 1000)
    server.version = '"2"'
    fetch([source], tmp_path / 'a.pth')
    assert_only(tmp_path)


def test_a_server_without_ranges_sends_the_whole_file_again(server, tmp_path):
    server.ranges = False
    fetch([begun(server, tmp_path, b'old' * 1000)], tmp_path / 'a.pth')
    assert_only(tmp_path)


def test_what_another_source_has_begun_is_cleared_away_by_success(server, tmp_path):
    begun(server, tmp_path, CONTENT[:10])
    server.files['/b.pth'] = CONTENT
    fetch([Source(f'{server.url}/b.pth')], tmp_path / 'a.pth')
    assert_only(tmp_path)


def test_a_wrong_part_of_the_right_length_is_found_out_by_the_checksum(server, tmp_path):
    source = begun(server, tmp_path, b'x' * 1000)
    checked = Source(source.url, sha256=SHA256)
    with pytest.raises(InputError, match='wrong checksum'):
        fetch([checked], tmp_path / 'a.pth')
    assert not any(tmp_path.iterdir())
    fetch([checked], tmp_path / 'a.pth')
    assert_only(tmp_path)


@pytest.mark.skipif(download.fcntl is None, reason='no file locks on Windows')
def test_processes_that_want_the_same_file_share_one_download(server, tmp_path):
    source = Source(f'{server.url}/a.pth', sha256=SHA256)
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(fetch, [source], tmp_path / 'a.pth') for _ in range(4)]:
            assert done.result() is source
    assert len(server.asked) == 1
    assert_only(tmp_path)


@pytest.mark.skipif(download.fcntl is None, reason='no file locks on Windows')
def test_a_file_comes_where_the_file_system_has_no_locks(server, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(download.fcntl, 'flock', refuse)
    fetch([Source(f'{server.url}/a.pth', sha256=SHA256)], tmp_path / 'a.pth')
    assert_only(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r'(?s)file is no folder.*file/a\.pth'):
        fetch([Source(refused())], tmp_path / 'file' / 'a.pth')


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


def test_a_folder_is_never_replaced_by_a_file(server, tmp_path):
    (tmp_path / 'a.pth').mkdir()
    with pytest.raises(InputError, match='is a folder'):
        fetch([Source(f'{server.url}/a.pth')], tmp_path / 'a.pth')
    assert list((tmp_path / 'a.pth').iterdir()) == []


def test_a_link_in_the_place_of_a_part_is_not_written_through(server, tmp_path):
    source, victim = Source(f'{server.url}/a.pth'), tmp_path / 'victim'
    victim.write_text('mine')
    folder = tmp_path / 'folder'
    folder.mkdir()
    name = f'.a.pth.{hashlib.sha256(source.url.encode()).hexdigest()[:8]}'
    for link in (f'{name}.part', f'{name}.version'):
        (folder / link).symlink_to(victim)
    (folder / 'a.pth').symlink_to(tmp_path / 'nowhere')
    fetch([source], folder / 'a.pth')
    assert_only(folder)
    assert not (folder / 'a.pth').is_symlink()
    assert victim.read_text() == 'mine'
    assert not (tmp_path / 'nowhere').exists()


def test_a_body_of_unknown_length_needs_a_checksum(server, tmp_path):
    server.lengths = False
    with pytest.raises(InputError, match='does not say how long the file is'):
        fetch([Source(f'{server.url}/a.pth')], tmp_path / 'a.pth')
    assert list(tmp_path.iterdir()) == []
    fetch([Source(f'{server.url}/a.pth', sha256=SHA256)], tmp_path / 'a.pth')
    assert_only(tmp_path)
    (tmp_path / 'a.pth').unlink()
    server.breaks = [1000]
    with pytest.raises(InputError, match='wrong checksum'):
        fetch([Source(f'{server.url}/a.pth', sha256=SHA256)], tmp_path / 'a.pth')
    assert list(tmp_path.iterdir()) == []


def test_google_drive_is_asked_by_id_and_its_question_is_answered(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, 'GOOGLE_DRIVE', f'{server.url}/download')
    question = (
        f'<form id="download-form" action="{server.url}/confirmed" method="get"><input type="submit" value="Download">'
        '<input type="hidden" name="id" value="ID_1"><input type="hidden" name="confirm" value="t">'
        '<input type="hidden" name="uuid" value="0-1"></form>'
    )
    server.pages['/download?id=ID_1&export=download&confirm=t'] = question
    server.files['/confirmed?id=ID_1&confirm=t&uuid=0-1'] = CONTENT
    server.files['/download?id=ID_2&export=download&confirm=t'] = CONTENT
    for number in (1, 2):
        fetch([Source(f'gdrive:ID_{number}')], tmp_path / str(number) / 'a.pth')
        assert_only(tmp_path / str(number))
    server.pages['/download?id=ID_3&export=download&confirm=t'] = question
    server.pages['/confirmed?id=ID_1&confirm=t&uuid=0-1'] = 'Too many users have viewed or downloaded this file'
    with pytest.raises(InputError, match='too many people'):
        fetch([Source('gdrive:ID_3')], tmp_path / 'b.pth')


def packed(path, members):
    """A tar.gz of (name, content) or of ready TarInfo."""
    with tarfile.open(path, 'w:gz') as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def link(name, kind, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_an_archive_is_unpacked_whole(tmp_path):
    archive = packed(tmp_path / 'a.tar.gz', [('./run/run.json', b'{}'), ('run/sub/latest.pth', CONTENT)])
    out = tmp_path / 'work_dirs'
    assert unpack(archive, out) == [out / 'run']
    assert (out / 'run' / 'sub' / 'latest.pth').read_bytes() == CONTENT
    assert [path.name for path in out.iterdir()] == ['run']
    with pytest.raises(InputError, match='would replace'):
        unpack(archive, out)


@pytest.mark.parametrize(
    'member',
    [
        ('../outside', b'x'),
        ('run/../../outside', b'x'),
        ('/outside', b'x'),
        ('..\\outside', b'x'),
        ('C:\\outside', b'x'),
        link('run/link', tarfile.SYMTYPE, '/etc'),
        link('run/link', tarfile.LNKTYPE, '../outside'),
        link('run/device', tarfile.FIFOTYPE, ''),
    ],
    ids=lambda member: member[0] if isinstance(member, tuple) else member.type.decode(),
)
def test_an_archive_that_reaches_outside_is_refused_and_leaves_nothing(tmp_path, member):
    archive = packed(tmp_path / 'a.tar.gz', [('run/fine', b'x'), member])
    with pytest.raises(InputError, match='not to be trusted'):
        unpack(archive, tmp_path / 'work_dirs')
    assert not any((tmp_path / 'work_dirs').iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {'a.tar.gz', 'work_dirs'}


def test_an_archive_that_is_far_larger_unpacked_is_refused_and_leaves_nothing(tmp_path):
    with tarfile.open(tmp_path / 'a.tar.gz', 'w:gz') as tar:
        member = tarfile.TarInfo('zeros')
        member.size = 2**25
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    with pytest.raises(InputError, match='20 times its size'):
        unpack(tmp_path / 'a.tar.gz', tmp_path / 'here')
    assert list((tmp_path / 'here').iterdir()) == []


def test_a_damaged_archive_is_called_that(tmp_path):
    archive = packed(tmp_path / 'a.tar.gz', [('run/fine', CONTENT)])
    archive.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(InputError, match=r'cannot be unpacked.*download it again'):
        unpack(archive, tmp_path / 'work_dirs')


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
    monkeypatch.setattr(weight_files, 'weight_files', lambda: rows)
    monkeypatch.setattr(get_weights, 'weight_files', lambda: rows)


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
    assert get_weights.expand('own.py') == ['net_a']


def test_all_names_are_listed_with_size_licence_and_use(capsys):
    assert command.main(['--list']) == 0
    printed = capsys.readouterr().out
    for name, row in weight_files.weight_files().items():
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


def test_the_published_files_are_those_of_the_original_script():
    rows = weight_files.weight_files()
    ids = {name: row.sources[0].url for name, row in rows.items() if row.sources[0].url.startswith('gdrive:')}
    assert ids == {
        'mit_b3': 'gdrive:1d3wU8KNjPL4EqMCIEO_rO-O3-REpG82T',
        'mit_b4': 'gdrive:1BUtU42moYrOFbsMCE-LTTkUE-mrWnfG2',
        'mit_b5': 'gdrive:1d7I50jVjtCddnhpf-lqj8-f13UyCzoW1',
        'daformer_gta2cs': 'gdrive:1pG3kDClZDGwp1vSTEXmTchkGHmnLQNdP',
    }
    assert str(rows['mit_b5'].path) == 'pretrained/mit_b5.pth'
    assert len({row.path for row in rows.values()}) == len(rows)


def test_every_file_that_a_config_starts_from_is_in_the_manifest_or_made_by_a_command_that_a_config_has():
    texts = {config: config.read_text() for config in sorted((REPOSITORY / 'configs').rglob('*.py'))}
    made = re.findall(
        r'^ +python tools/model_converters/\w+\.py \S+ pretrained/(\S+)$', '\n'.join(texts.values()), re.M
    )
    named = [
        (config.relative_to(REPOSITORY).as_posix(), file)
        for config, text in texts.items()
        for file in re.findall(r"'pretrained/([^']+)'", text)
        if file not in made
    ]
    assert len(named) >= 8
    for config, file in named:
        name = weight_files.name_of_file(file)
        assert name is not None, f'{config} starts from {file}'
        patterns = weight_files.weight_files()[name].used_by
        assert any(fnmatch.fnmatch(config, pattern) for pattern in patterns), f'{name}: add {config} to used_by'


def test_names_of_openmmlab_are_looked_up_in_the_table_of_the_engine():
    first, second = weight_files.remote_sources('open-mmlab://resnet101_v1c')
    assert first.file == second.file == 'resnet101_v1c-e67eebb6.pth'
    assert first.checksum == second.checksum == 'e67eebb6'
    assert first.url != second.url
    with pytest.raises(InputError, match=r"'resnet101_v1x'.*Did you mean 'resnet101_v1c'"):
        weight_files.remote_sources('open-mmlab://resnet101_v1x')
    assert weight_files.remote_sources('pretrained/mit_b5.pth') == ()


def test_weights_of_openmmlab_are_found_in_the_folder_of_pretrained_weights(here):
    (here / 'pretrained').mkdir()
    file = here / 'pretrained' / 'resnet101_v1c-e67eebb6.pth'
    file.write_bytes(b'')
    assert weights.find('open-mmlab://resnet101_v1c').resolve() == file
