from pathlib import Path

import pytest

from tools.model_table import DOCUMENT
from tools.work.model_table import networks, origin, row
from tools.work.step_memory import step_memory

REPOSITORY = Path(__file__).parents[2]


def rows_of_document():
    lines = (REPOSITORY / DOCUMENT).read_text().splitlines()
    return {line.split(' | ')[0].removeprefix('| '): line for line in lines if line.startswith('| ')}


def test_the_document_lists_every_network():
    assert list(rows_of_document())[2:] == list(networks())
    assert len(networks()) >= 37


MEMORY = 5  # column


def without_memory(line):
    cells = line.split(' | ')
    return [*cells[:MEMORY], *cells[MEMORY + 1 :]]


@pytest.mark.parametrize(
    'name',
    [
        'daformer_sepaspp_mitb5',
        'upernet_mae_base',
        'deeplabv2red_r50-d8:s50',
        pytest.param(None, marks=pytest.mark.slow, id='all'),
    ],
)
def test_the_document_says_what_the_command_would_write(name):
    for chosen in [name] if name else networks():
        assert without_memory(row(networks()[chosen], 0)) == without_memory(rows_of_document()[chosen])


def test_the_document_has_the_memory_that_the_command_counts():
    name = 'daformer_sepaspp_mitb0_small'
    assert row(networks()[name], step_memory(networks()[name].model())) == rows_of_document()[name]


def test_parameters_are_those_of_the_parts():
    cells = rows_of_document()['daformer_sepaspp_mitb5'].split(' | ')
    assert cells[3] == f'{(81_443_008 + 3_712_275) / 1e6:.1f}'  # MiT-B5 and the head, from published checkpoints


@pytest.mark.parametrize(
    ('pretrained', 'words', 'licence'),
    [
        (None, 'none', ''),
        ('open-mmlab://resnet101_v1c', '`open-mmlab://resnet101_v1c`', 'Apache-2.0'),
        ('pretrained/swin_base.pth', '(`swin_base`)', 'MIT'),
        ('pretrained/mit_b5.pth', '(`mit_b5`)', 'NVIDIA'),
    ],
)
def test_weights_come_with_their_licence(pretrained, words, licence):
    shown = origin(pretrained)
    assert shown[0].endswith(words)
    assert shown[1].startswith(licence)
