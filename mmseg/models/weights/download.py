"""Files from the network: several places to try, resumed where they were left, checked, whole or not at all."""

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import Request, urlopen

from mmseg.errors import InputError
from mmseg.places import make_folder
from mmseg.progress import progress_bar

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: answers with the file itself, also where it is too large for Google's virus scan
GOOGLE_DRIVE = 'https://drive.usercontent.google.com/download'
HTTP = ('http://', 'https://')
TIMEOUT_SECONDS = 30
CHUNK = 1 << 20
AGENT = 'mmseg-uda'  # some hosts refuse Python's own name


class DownloadError(Exception):
    """What came is not the file that was asked for."""


@dataclass(frozen=True)
class Source:
    """One place where a file is to be had.

    Args:
        url: an http(s) address, or ``gdrive:ID`` for a file on Google Drive.
        sha256: the checksum its authors published, or its leading digits. Where there is none, the 8 or more hex
            digits behind the last dash of the file name count as such (``resnet50_v1c-2cccc1ad.pth``).
    """

    url: str
    sha256: str = ''

    @property
    def file(self) -> str:
        """Name of the file, as the address gives it."""
        return urlsplit(self.url).path.rsplit('/', 1)[-1]

    @property
    def checksum(self) -> str:
        """Leading digits of the SHA-256 of the file; '' if nothing was published."""
        named = re.search(r'-([0-9a-f]{8,64})\.\w+$', self.file)
        return self.sha256 or (named[1] if named else '')

    @property
    def address(self) -> str:
        """The http(s) address."""
        if not self.url.startswith('gdrive:'):
            return self.url
        query = {'id': self.url.removeprefix('gdrive:'), 'export': 'download', 'confirm': 't'}
        return f'{GOOGLE_DRIVE}?{urlencode(query)}'


def fetch(sources: Sequence[Source], path: Path) -> Source:
    """Bring a file to ``path`` from the first of ``sources`` that gives it; returns that one.

    ``path`` is the whole file or absent; if it is there nothing is done. What an interrupted download has brought is
    kept beside it, and the next one goes on from there.

    Raises:
        InputError: no source gave it; the message says why of each, and how to go on by hand. Or ``path`` is a folder.
    """
    if path.is_dir():
        raise InputError(f'{path} is a folder; a download needs the name of a file.')
    failures = []
    for source in sources:
        try:
            _fetch_from(source, path)
        except (OSError, ValueError, HTTPException, DownloadError) as error:
            failures.append(f'  {source.url}: {error}')
        else:
            return source
    tried = '\n'.join(failures)
    raise InputError(f'{path.name} cannot be downloaded:\n{tried}\nGet it by hand and put it at {path}.')


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def _fetch_from(source: Source, path: Path) -> None:
    make_folder(path.parent)
    # of this source alone: another one's file may differ
    part = path.with_name(f'.{path.name}.{hashlib.sha256(source.url.encode()).hexdigest()[:8]}.part')
    for link in filter(Path.is_symlink, (part, _version_file(part))):  # none of ours: it would be written elsewhere
        link.unlink()
    try:
        with _alone(part):
            if path.exists():  # brought by another process in the meantime
                return
            _receive_all(source, part, path.name)
            _check(part, source)
            with part.open('rb') as file:
                os.fsync(file.fileno())
            part.replace(path)
    finally:
        if _size(part) == 0:
            _discard(part)
    for unfinished in path.parent.glob(f'.{glob.escape(path.name)}.*.part'):  # of other sources
        _discard(unfinished)


@contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Wait until no other process writes ``part``: all processes of a run ask for its weights at the same time.

    Where the file system has no locks, nobody waits.
    """
    if fcntl is None:
        yield
        return
    with part.open('ab') as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _receive_all(source: Source, part: Path, name: str) -> None:
    before = -1
    while True:
        try:
            _receive(source, part, name)
            return
        except HTTPError:
            raise
        except (OSError, HTTPException):
            received = _size(part)
            if received <= before:  # connections may break as long as each brings something
                raise
            before = received


def _receive(source: Source, part: Path, name: str) -> None:
    """Bring ``part`` to its full length, from where it ends."""
    have = _size(part)
    try:
        response = _open(source, have, _version_file(part))
    except HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get('Content-Range') == f'bytes */{have}':  # nothing is left to ask for
            return
        _discard(part)
        response = _open(source, 0, _version_file(part))
    with closing(response):
        begins = re.match(r'bytes (\d+)-', response.headers.get('Content-Range', ''))
        resumed = response.status == 206 and begins is not None and int(begins[1]) == have
        if response.status == 206 and not resumed:
            _discard(part)
            raise DownloadError('the server sent another part of the file than the one asked for')
        have = have if resumed else 0
        _version_file(part).write_text(response.headers.get('ETag') or response.headers.get('Last-Modified') or '')
        length = response.headers.get('Content-Length')
        chunked = response.headers.get('Transfer-Encoding', '').lower() == 'chunked'  # says itself where it ends
        if not (length or chunked or source.checksum):
            raise DownloadError('the server does not say how long the file is, and no checksum is known: it may be cut')
        total = have + int(length) if length else None
        bar = progress_bar(total=total, initial=have, unit='B', unit_scale=True, desc=name, leave=False)
        with bar, part.open('ab' if resumed else 'wb') as file:
            while block := response.read(CHUNK):
                file.write(block)
                bar.update(len(block))
    if total is not None and _size(part) < total:
        raise ConnectionError(f'the connection broke after {_size(part)} of {total} bytes')


def _open(source: Source, start: int, version: Path) -> Any:
    """The answer of a source, from byte ``start`` on, if its file is still the one that ``version`` noted."""
    headers = {'User-Agent': AGENT}
    if start:
        headers['Range'] = f'bytes={start}-'
        if version.is_file() and (noted := version.read_text()):
            headers['If-Range'] = noted
    response = _get(source.address, headers)
    if not _is_page(response):
        return response
    with closing(response):
        confirmed = _confirmed(response.read(CHUNK).decode(errors='replace'), response.url)
    if not source.url.startswith('gdrive:') or confirmed is None:
        raise DownloadError('a web page came instead of the file; it may have moved, or be asked for too often')
    response = _get(confirmed, headers)
    if _is_page(response):
        response.close()
        raise DownloadError('Google Drive gives no more of it today: too many people have downloaded it')
    return response


def _get(address: str, headers: dict[str, str]) -> Any:
    if not address.startswith(HTTP):
        raise DownloadError(f'{address} is no http(s) address')
    # the scheme was checked, and redirections lead to http(s) and ftp only
    return urlopen(Request(address, headers=headers), timeout=TIMEOUT_SECONDS)  # nosec B310


def _is_page(response: Any) -> bool:
    return response.headers.get_content_type() == 'text/html'


def _confirmed(page: str, url: str) -> str | None:
    """The address behind the button 'Download anyway' on a page of Google Drive; None if there is no button."""
    form = re.search(r'<form[^>]*\baction="([^"]+)"', page)
    inputs = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r'<input[^>]*>', page)]
    fields = {tag['name']: tag.get('value', '') for tag in inputs if tag.get('type') == 'hidden' and 'name' in tag}
    return f'{urljoin(url, form[1])}?{urlencode(fields)}' if form else None


def _check(part: Path, source: Source) -> None:
    """Refuse, and delete, what is not the published file."""
    digest = sha256_of(part)
    if not digest.startswith(source.checksum):
        _discard(part)
        raise DownloadError(f'wrong checksum: SHA-256 {digest[: len(source.checksum)]}, not {source.checksum}')


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:  # asked in this way, as another process may take the file away at any time
        return 0


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _version_file(part).unlink(missing_ok=True)


def _version_file(part: Path) -> Path:
    """Where the server's mark of the version of an unfinished file is noted."""
    return part.with_suffix('.version')
