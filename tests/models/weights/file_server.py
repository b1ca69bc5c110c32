"""A small HTTP server of files on this machine, with ranges, versions and ways to misbehave."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves ``files`` (path -> content) and records what was asked of it.

    Attributes:
        files: content by path, such as '/a.pth'.
        pages: paths that answer with a web page.
        breaks: after how many bytes the next connections are cut, one entry each.
        ranges: whether parts of files are served.
        version: the ETag of all files.
        lengths: whether answers say how long they are.
        asked: (path, value of the Range header or None) of every request, in order.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.files: dict[str, bytes] = {}
        self.pages: dict[str, str] = {}
        self.breaks: list[int] = []
        self.ranges = True
        self.version = '"1"'
        self.lengths = True
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_port}'


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get('Range')
        server.asked.append((self.path, wanted))
        if self.path in server.pages:
            self._answer(200, server.pages[self.path].encode(), {'Content-Type': 'text/html; charset=utf-8'})
            return
        if self.path not in server.files:
            self.send_error(404)
            return
        content, first = server.files[self.path], 0
        if wanted and server.ranges and self.headers.get('If-Range', server.version) == server.version:
            first = int(wanted.removeprefix('bytes=').rstrip('-'))
        if first and first >= len(content):
            self._answer(416, b'', {'Content-Range': f'bytes */{len(content)}'})
            return
        headers = {'ETag': server.version, 'Content-Type': 'application/octet-stream'}
        if first:
            headers['Content-Range'] = f'bytes {first}-{len(content) - 1}/{len(content)}'
        self._answer(206 if first else 200, content[first:], headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        length = {'Content-Length': str(len(body))} if self.server.lengths else {'Connection': 'close'}
        for name, value in {**headers, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        if status < 400 and self.server.breaks:
            body = body[: self.server.breaks.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serving() -> Iterator[FileServer]:
    server = FileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
