import io
import tarfile

import pytest

from mmseg.errors import InputError
from mmseg.models.weights.unpack import unpack
from tests.models.weights.served import CONTENT, packed


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
