"""What the container is built from, read: it cannot be built where there is no Docker."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_image_gets_the_revision_and_every_file_of_it():
    left_out = (ROOT / '.dockerignore').read_text().split()
    assert '.git' not in left_out  # else environment.txt of a run says 'unknown'
    if not (ROOT / '.git').exists():
        pytest.skip('not a repository')
    tracked = subprocess.run(['git', 'ls-files'], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
        '\n'
    )
    missing = [
        name for name in tracked for pattern in left_out if fnmatch(name, pattern) or fnmatch(name, f'{pattern}/*')
    ]
    assert not missing  # else it says '-dirty'


def test_the_image_has_the_encoder_of_the_quickstart_and_a_folder_that_its_user_may_write():
    text = (ROOT / 'Dockerfile').read_text()
    extras = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['optional-dependencies']
    installed = re.search(r"--editable '\.\[(.+)\]'", text)
    assert installed
    assert 'encoder' in installed[1].split(',')
    assert set(installed[1].split(',')) <= extras.keys()
    folder = re.search(r'^WORKDIR (.+)$', text, re.MULTILINE)
    made = re.search(
        r'useradd .*--uid (\d+) (\w+) && install --directory --owner=\2 --group=\2 (.+)$', text, re.MULTILINE
    )
    assert folder
    assert made
    assert made[3] == folder[1]
    assert re.search(rf'^USER {made[1]}$', text, re.MULTILINE)
    assert f'user {made[1]}' in (ROOT / 'docs/container.md').read_text()
