"""The HTTP server of the page: its three files, the list of networks, and predictions, to this machine alone."""

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from mmseg.errors import InputError
from mmseg.shortage import what_is_short
from mmseg.web.answers import answer, read_upload
from mmseg.web.offered import Offered

PARTS = Path(__file__).with_name('page')
FILES = {
    '/': ('page.html', 'text/html; charset=utf-8'),
    '/page.css': ('page.css', 'text/css; charset=utf-8'),
    '/page.js': ('page.js', 'text/javascript; charset=utf-8'),
}
MOST_BYTES = 64 * 2**20  # of a file that is dropped
LONGEST_WAIT = 60  # seconds for the next bytes of a request
#: nothing comes from elsewhere, nothing goes elsewhere, no other page shows this one
HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
}


class Reply(NamedTuple):
    """What a request is answered with."""

    status: HTTPStatus
    kind: str
    content: bytes


def as_json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, 'application/json', json.dumps(value).encode())


def refusal(sentence: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Reply:
    """An answer that says what is wrong, which the page shows."""
    return as_json({'error': sentence}, status)


class Studio:
    """The networks behind a page, one prediction at a time.

    Args:
        offered: what can be chosen.
        most_megapixels: of an image.
    """

    def __init__(self, offered: Sequence[Offered], *, most_megapixels: float = 16) -> None:
        self.offered = offered
        self.most_megapixels = most_megapixels
        self.working = threading.Lock()

    def about(self) -> dict[str, Any]:
        """What the page has to know before anything is dropped."""
        names = [one.name for one in self.offered]
        return {'networks': names, 'mostBytes': MOST_BYTES, 'mostMegapixels': self.most_megapixels}

    def close(self) -> None:
        """Wait for the prediction that is being made, and make no further one."""
        self.working.acquire()

    def predict(self, number: int, content: bytes, name: str) -> Reply:
        """What network ``number`` says of the image in ``content``, or why it says nothing."""
        if not 0 <= number < len(self.offered):
            return refusal('There is no such network.')
        predictor = self.offered[number].predictor
        try:
            pixels = read_upload(content, name, predictor.load, most_megapixels=self.most_megapixels)
            with self.working:
                return as_json(answer(predictor, pixels))
        except InputError as error:
            return refusal(str(error))
        except Exception as error:
            short = what_is_short(error)
            if short is None:
                raise
            return refusal(f'{short}.', HTTPStatus.SERVICE_UNAVAILABLE)


class Handler(BaseHTTPRequestHandler):
    """One request of a browser."""

    protocol_version = 'HTTP/1.1'
    timeout = LONGEST_WAIT

    def __init__(self, studio: Studio, loopback: bool, *args: Any) -> None:
        self.studio, self.loopback = studio, loopback
        super().__init__(*args)

    def do_GET(self) -> None:
        self._reply(self._get)

    def do_POST(self) -> None:
        self._reply(self._post)

    def _get(self) -> Reply:
        path = urlsplit(self.path).path
        if path == '/about':
            return as_json(self.studio.about())
        if path not in FILES:
            return refusal('There is nothing here.', HTTPStatus.NOT_FOUND)
        name, kind = FILES[path]
        return Reply(HTTPStatus.OK, kind, (PARTS / name).read_bytes())

    def _post(self) -> Reply:
        self.close_connection = True  # what is not read of a refused file is not the next request
        asked = urlsplit(self.path)
        length = self.headers.get('Content-Length', '')
        if asked.path != '/predict' or not length.isdecimal():
            return refusal('There is nothing here.', HTTPStatus.NOT_FOUND)
        if int(length) > MOST_BYTES:
            return refusal(f'A file has up to {MOST_BYTES // 2**20} MB here.', HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        number = parse_qs(asked.query).get('network', [''])[0]
        name = unquote(self.headers.get('X-Name', '')) or 'The file'
        content = self.rfile.read(int(length))
        return self.studio.predict(int(number) if number.isdecimal() else -1, content, name)

    def _reply(self, make: Callable[[], Reply]) -> None:
        reply = make() if self._is_from_here() else refusal('This page is for this machine.', HTTPStatus.FORBIDDEN)
        self.send_response(reply.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header('Content-Type', reply.kind)
        self.send_header('Content-Length', str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)

    def _is_from_here(self) -> bool:
        """Whether the page itself asks: another page must not, not even under a name that leads to this machine."""
        host = self.headers.get('Host', '')
        origin = self.headers.get('Origin')
        if origin is not None and urlsplit(origin).netloc != host:
            return False
        return not self.loopback or is_loopback(urlsplit(f'//{host}').hostname or '')

    def log_message(self, *_: Any) -> None:
        """Say nothing of requests."""


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine as it alone sees itself."""
    try:
        return host == 'localhost' or ip_address(host).is_loopback
    except ValueError:
        return False


def served(studio: Studio, host: str, port: int) -> ThreadingHTTPServer:
    """A server that has its port and waits for ``serve_forever``; port 0 takes any free one.

    Raises:
        InputError: the port, or the address, cannot be had.
    """
    try:
        server = ThreadingHTTPServer((host, port), partial(Handler, studio, is_loopback(host)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise InputError(f'{host}:{port} cannot be used ({reason}): --port 0 takes any free port.') from error
    server.daemon_threads = True
    return server
