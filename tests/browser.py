"""A page in headless Chromium; tests that need one skip where there is none."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmseg.errors import InputError
from tools.work.browser import browser_file, page_of


@contextlib.contextmanager
def opened(place: Path | str, width: int = 1280) -> Iterator[Any]:
    """A page in a browser: a file, without network, or an address, and nothing else is asked for.

    An error in its script fails the test.
    """
    is_file = isinstance(place, Path)
    address = place.resolve().as_uri() if isinstance(place, Path) else place
    try:
        program = browser_file()
    except InputError as error:
        pytest.skip(str(error))
    with page_of(program, width=width, offline=is_file) as page:
        errors: list[str] = []
        requests: list[str] = []
        page.on('pageerror', lambda error: errors.append(str(error)))
        page.on('request', lambda request: requests.append(request.url))
        page.goto(address)
        yield page
    assert errors == []
    own = ('file:', 'data:') if is_file else (address, 'data:', 'blob:')
    assert [url for url in requests if not url.startswith(own)] == []
