"""The page of config keys says what the constructors say, and every page of the site is in its table of contents."""

import re
from pathlib import Path

import pytest

from mmseg.registry import MODELS
from tools.work import config_keys

DOCS = Path(__file__).parents[2] / 'docs'


class Parent:
    """A parent.

    Args:
        depth: how deep; in
            two lines.
    """

    def __init__(self, *, depth: int = 3) -> None: ...


class Child(Parent):
    """What it is.

    More of it.

    Args:
        width: a | b.
        **parent: of :class:`Parent`.

    Raises:
        InputError: never.
    """

    def __init__(self, *, width: int | None, **parent) -> None: ...


def test_a_section_has_the_first_sentence_and_every_argument_with_what_is_said_of_it():
    name, sentence, table = config_keys.section('Child', Child)
    assert (name, sentence) == ('### Child', 'What it is.')
    assert table.splitlines()[2:] == [
        '| `width` | a whole number or None | — | a \\| b. |',
        '| `depth` | a whole number | `3` | how deep; in two lines. |',
    ]


def test_every_network_and_method_is_on_the_page():
    MODELS.import_from_location()
    page = config_keys.page()
    assert all(f'### {name}\n' in page for name in ('DACS', 'HRDAHead', 'MixVisionTransformer', 'UDADataset', 'Resize'))
    row, *_ = (line for line in page.splitlines() if line.startswith('| `imnet_feature_dist_lambda`'))
    assert row.endswith('weight of the feature distance to the initial (ImageNet) encoder; 0 = without. |')


@pytest.mark.parametrize('page', sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob('*.md')))
def test_every_page_is_in_the_table_of_contents(page):
    assert f': {page}\n' in (DOCS.parent / 'mkdocs.yml').read_text()


METHODS = sorted(path.name for path in (DOCS / 'methods').glob('*.md'))


@pytest.mark.parametrize('name', METHODS)
def test_the_page_of_a_method_has_its_formula_its_config_its_files_and_its_numbers(name):
    text = (DOCS / 'methods' / name).read_text()
    assert re.search(r'^## .*[Ff]ormula', text, re.MULTILINE)
    assert re.search(r'^    .+( = | ← )', text, re.MULTILINE) or 'L1' in text  # an equation, or losses in words
    rows = dict(re.findall(r'^\| ([\w, →]+) \| (.+) \|$', text, re.MULTILINE))
    files = re.findall(r'`([\w/]+\.py)`', rows.get('file') or rows['files'])
    assert [file for file in files if not (DOCS.parent / file).is_file()] == []
    assert files
    named = re.findall(r'`(configs/[\w/]+(?:\.py)?)', rows['configs'])
    assert [place for place in named if not (DOCS.parent / place).exists()] == []
    assert named
    assert any(row.startswith('published') for row in rows)
    assert 'measured here' in rows
    assert f'](methods/{name})' in (DOCS / 'methods.md').read_text()


def test_every_method_has_a_page():
    assert len(METHODS) == 10


def test_every_file_that_the_page_of_a_step_names_is_there():
    root, text = DOCS.parent, (DOCS / 'step.md').read_text()
    folders = [root, root / 'mmseg', root / 'mmseg' / 'models', root / 'tests' / 'models' / 'uda']
    named = set(re.findall(r'`([a-z_/]+\.py)`', text))
    assert len(named) > 15
    assert [file for file in sorted(named) if not any((folder / file).is_file() for folder in folders)] == []
