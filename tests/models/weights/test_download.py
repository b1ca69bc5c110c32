import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmseg.errors import InputError
from mmseg.models.weights import download
from mmseg.models.weights.download import Source, fetch
from tests.models.weights.served import CONTENT, SHA256, refused


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
