"""The TAB key: each shell is asked what it would complete."""

import shutil
import subprocess

import pytest

from mmseg import cli
from mmseg.commands import completion


@pytest.fixture(scope='module')
def scripts():
    nodes = list(completion.all_nodes())
    return {'bash': completion.as_bash(nodes), 'zsh': completion.as_zsh(nodes), 'fish': completion.as_fish(nodes)}


def asked(shell: str, arguments: list[str], script: str) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f'{shell} is not installed')
    ended = subprocess.run([shell, *arguments], input=script, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


LINES = {
    'mmseg tr': ['train'],
    'mmseg convert g': ['gta'],
    'mmseg convert gta --gt': ['--gt-dir'],
    'mmseg predict --prec': ['--precision'],
    'mmseg benchmark step --base': ['--baseline'],
    'mmseg --vers': ['--version'],
}


@pytest.mark.parametrize('line', LINES)
def test_bash_completes_commands_their_commands_and_options(scripts, line):
    words = ' '.join(f'"{word}"' for word in line.split())
    script = (
        f'{scripts["bash"]}\nCOMP_WORDS=({words}); COMP_CWORD={len(line.split()) - 1}; _mmseg; echo "${{COMPREPLY[@]}}"'
    )
    assert asked('bash', [], script).split() == LINES[line]


@pytest.mark.parametrize('line', LINES)
def test_fish_completes_the_same(scripts, line):
    found = asked('fish', ['--no-config'], f'{scripts["fish"]}\ncomplete --do-complete "{line}"\n')
    assert [answer.split('\t')[0] for answer in found.splitlines()] == LINES[line]


def test_zsh_takes_the_script(scripts):
    assert (
        asked('zsh', ['-f'], f'{scripts["zsh"]}\nprint ${{_comps[mmseg]}}\n').strip()
        == '_bash_complete -o default -F _mmseg'
    )


def test_every_command_is_known_with_its_help(scripts):
    nodes = {node.words: node for node in completion.all_nodes()}
    assert set(nodes[()].commands) == set(cli.COMMANDS)
    assert all('--help' in nodes[(name,)].options for name in cli.COMMANDS)
