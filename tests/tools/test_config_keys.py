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


@pytest.mark.parametrize('page', sorted(DOCS.glob('*.md')), ids=lambda page: page.name)
def test_every_page_is_in_the_table_of_contents(page):
    assert f': {page.name}\n' in (DOCS.parent / 'mkdocs.yml').read_text()


def test_every_file_that_the_page_of_a_step_names_is_there():
    root, text = DOCS.parent, (DOCS / 'step.md').read_text()
    folders = [root, root / 'mmseg', root / 'mmseg' / 'models', root / 'tests' / 'models' / 'uda']
    named = set(re.findall(r'`([a-z_/]+\.py)`', text))
    assert len(named) > 15
    assert [file for file in sorted(named) if not any((folder / file).is_file() for folder in folders)] == []
