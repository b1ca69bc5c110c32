"""The page of promises: the tests that it names are there, and every promise names one."""

import re
from pathlib import Path

from mmseg.signals import REQUEUE

PAGE = (Path(__file__).parents[1] / 'docs/reliability.md').read_text(encoding='utf-8')
ROW = re.compile(r'^\|(?P<promise>[^|]+)\|(?P<tests>[^|]*)\|$', re.MULTILINE)


def promises():
    """Promise -> the tests beside it, of every table but that of exit codes."""
    rows = {row['promise'].strip(): row['tests'].strip() for row in ROW.finditer(PAGE)}
    return {promise: tests for promise, tests in rows.items() if not re.fullmatch(r'code|promise|-+|\d.*', promise)}


def test_every_promise_names_tests_that_are_there():
    found = promises()
    assert len(found) > 40
    for promise, tests in found.items():
        names = re.findall(r'`([^`]+)`', tests)
        assert names, promise
        assert re.sub(r'`[^`]+`', '', tests).strip(', ') == '', promise
        for name in names:
            text = (Path(__file__).parent / name).read_text(encoding='utf-8')
            assert 'def test_' in text, name


def test_the_table_of_exit_codes_is_that_of_the_code():
    codes = [row['promise'].strip() for row in ROW.finditer(PAGE) if row['promise'].strip()[0].isdigit()]
    assert codes == ['0', '1', '2', '3', '4', '5', str(REQUEUE), '128 + n']


def test_what_is_not_promised_is_said():
    assert '## Not promised' in PAGE
