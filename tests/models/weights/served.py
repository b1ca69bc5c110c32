"""What the tests of downloads serve and unpack."""

import hashlib
import io
import random
import tarfile

CONTENT = random.Random(0).randbytes(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def refused():
    """An address at which nobody listens."""
    return 'http://127.0.0.1:9/a.pth'


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
