"""The server of the page: to whom it answers, and with what. No browser, no network of weights."""

import contextlib
import json
import socket
import threading
from http.client import HTTPConnection

import numpy as np
import pytest

from mmseg.commands import demo
from mmseg.errors import InputError
from mmseg.web import server
from mmseg.web.offered import Offered
from mmseg.web.server import Studio, is_loopback, served
from tests.web.test_answers import Halves, file_of


@contextlib.contextmanager
def running(studio):
    with served(studio, '127.0.0.1', 0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        try:
            yield made.server_address[1]
        finally:
            made.shutdown()
            thread.join()


@pytest.fixture(scope='module')
def port():
    with running(Studio([Offered('one', Halves())], most_megapixels=0.01)) as port:
        yield port


def asked(port, path, method='GET', body=None, **headers):
    connection = HTTPConnection('127.0.0.1', port, timeout=20)
    connection.request(
        method, path, body=body, headers={name.replace('_', '-'): value for name, value in headers.items()}
    )
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply, content


def test_the_page_comes_with_its_files_and_asks_nobody_else(port):
    for path, kind in (('/', 'text/html'), ('/page.css', 'text/css'), ('/page.js', 'text/javascript')):
        reply, content = asked(port, path)
        assert reply.status == 200
        assert reply.headers['Content-Type'].startswith(kind)
        assert b'http://' not in content
        assert b'https://' not in content
        assert "default-src 'none'" in reply.headers['Content-Security-Policy']
    about = json.loads(asked(port, '/about')[1])
    assert about == {'networks': ['one'], 'mostBytes': server.MOST_BYTES, 'mostMegapixels': 0.01}
    for path in ('/../server.py', '/page/page.js', '/nothing'):
        assert asked(port, path)[0].status == 404


def test_an_image_is_answered_and_what_is_none_is_a_sentence(port):
    picture = file_of(np.zeros((6, 8, 3), np.uint8))
    reply, content = asked(port, '/predict?network=0', 'POST', picture, X_Name='stra%C3%9Fe.png')
    assert reply.status == 200
    assert json.loads(content)['classes'] == ['road', 'car', 'sky']
    reply, content = asked(port, '/predict?network=0', 'POST', b'text', X_Name='stra%C3%9Fe.png')
    assert reply.status == 400
    assert json.loads(content)['error'].startswith('straße.png cannot be read as an image')
    large = file_of(np.zeros((200, 100, 3), np.uint8))
    assert '0.0 megapixels' in json.loads(asked(port, '/predict?network=0', 'POST', large)[1])['error']
    for query in ('network=1', 'network=-1', 'network=x', ''):
        assert json.loads(asked(port, f'/predict?{query}', 'POST', picture)[1])['error'] == 'There is no such network.'


def test_a_file_that_is_too_long_is_refused_before_it_is_read(port, monkeypatch):
    monkeypatch.setattr(server, 'MOST_BYTES', 10)
    assert asked(port, '/predict?network=0', 'POST', b'12345678901')[0].status == 413


@pytest.mark.parametrize(
    'headers',
    [
        {'Host': 'evil.example'},  # a name that leads to this machine
        {'Origin': 'https://evil.example'},
        {'Origin': 'null'},
    ],
)
def test_other_pages_get_nothing(port, headers):
    for path, method in (('/about', 'GET'), ('/predict?network=0', 'POST')):
        reply, content = asked(port, path, method, b'' if method == 'POST' else None, **headers)
        assert reply.status == 403
        assert b'one' not in content


@pytest.mark.parametrize('host', ['localhost:9000', '127.0.0.1', '[::1]:8'])
def test_this_machine_is_answered_under_all_its_names_also_through_a_tunnel(port, host):
    assert asked(port, '/about', Host=host, Origin=f'http://{host}')[0].status == 200


def test_what_is_this_machine():
    assert all(map(is_loopback, ('localhost', '127.0.0.1', '127.9.9.9', '::1')))
    assert not any(map(is_loopback, ('0.0.0.0', '192.168.0.1', 'localhost.evil.example', '', '::')))


def test_a_port_that_is_taken_is_one_sentence():
    told = r'^127\.0\.0\.1:\d+ cannot be used .*--port 0 takes any free port\.$'
    with socket.create_server(('127.0.0.1', 0)) as taken, pytest.raises(InputError, match=told):
        served(Studio([]), '127.0.0.1', taken.getsockname()[1])
    with pytest.raises(InputError, match='cannot be used'):
        served(Studio([]), '127.0.0.1', 99999)


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (['--web', 'nowhere'], 'nowhere'),
        (['--web', 'nowhere', '--megapixels', '0'], '--megapixels is a number above 0, not 0.'),
    ],
)
def test_mistakes_are_one_sentence_and_2(arguments, told, capsys):
    assert demo.main(arguments) == 2
    assert told in capsys.readouterr().err
