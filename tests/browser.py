"""A page in headless Chromium; tests that need one skip where there is none."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge')


@contextlib.contextmanager
def opened(place: Path | str, width: int = 1280) -> Iterator[Any]:
    """A page in a browser: a file, without network, or an address, and nothing else is asked for.

    An error in its script fails the test.
    """
    is_file = isinstance(place, Path)
    address = place.resolve().as_uri() if isinstance(place, Path) else place
    api = pytest.importorskip('playwright.sync_api', reason='playwright is not installed: pip install -e ".[test]"')
    browser_file = next(filter(None, map(shutil.which, NAMES)), None)
    if browser_file is None:
        pytest.skip(f'no browser found ({", ".join(NAMES)}); Debian: apt-get install chromium')
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_file, args=['--no-sandbox'])
        page = browser.new_context(offline=is_file, viewport={'width': width, 'height': 900}).new_page()
        errors: list[str] = []
        requests: list[str] = []
        page.on('pageerror', lambda error: errors.append(str(error)))
        page.on('request', lambda request: requests.append(request.url))
        page.goto(address)
        yield page
        browser.close()
    assert errors == []
    own = ('file:', 'data:') if is_file else (address, 'data:', 'blob:')
    assert [url for url in requests if not url.startswith(own)] == []
