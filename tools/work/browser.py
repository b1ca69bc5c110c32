"""A page in an installed browser, without a window."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmseg.errors import InputError

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge')


def browser_file() -> str:
    """The program of a browser that playwright drives.

    Raises:
        InputError: playwright is not installed, or none is found.
    """
    if importlib.util.find_spec('playwright') is None:
        raise InputError('playwright is not installed: pip install -e ".[test]"')
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise InputError(f'no browser found ({", ".join(NAMES)}); Debian: apt-get install chromium')
    return found


@contextmanager
def page_of(program: str, *, width: int, height: int = 900, offline: bool = False) -> Iterator[Any]:
    """An empty page (of playwright's) of this size, in pixels; ``offline``: without network."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (an extra)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=['--no-sandbox'])
        yield browser.new_context(offline=offline, viewport={'width': width, 'height': height}).new_page()
        browser.close()
