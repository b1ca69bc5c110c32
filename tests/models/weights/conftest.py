import pytest

from tests.models.weights.file_server import serving
from tests.models.weights.served import CONTENT


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
