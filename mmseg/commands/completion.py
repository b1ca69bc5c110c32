"""Print what makes the TAB key know the commands of mmseg and their options.

    mmseg completion bash > ~/.local/share/bash-completion/completions/mmseg
    mmseg completion zsh >> ~/.zshrc
    mmseg completion fish > ~/.config/fish/completions/mmseg.fish

Files are completed where no option is.
"""

import argparse
import contextlib
import importlib
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unittest.mock import patch

from mmseg.errors import command

SHELLS = ('bash', 'zsh', 'fish')


class Node(NamedTuple):
    """A command, or a command of a command, and the words that can follow it."""

    words: tuple[str, ...]
    options: list[str]
    commands: list[str]


class _Asked(BaseException):
    """Carries a parser out of the command that has built it."""


@command
def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('shell', choices=SHELLS)
    args = parser.parse_args(argv)
    nodes = list(all_nodes())
    print({'bash': as_bash, 'zsh': as_zsh, 'fish': as_fish}[args.shell](nodes), end='')


def all_nodes() -> Iterator[Node]:
    """``mmseg`` itself, its commands, and theirs."""
    from mmseg.cli import COMMANDS, OPTIONS  # noqa: PLC0415 (the table names this module)

    yield Node((), list(OPTIONS), list(COMMANDS))
    for name, known in COMMANDS.items():
        yield from nodes_of(parser_of(known.module), (name,))


def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser that a command builds when it starts."""

    def carry_out(parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise _Asked(parser)

    main = importlib.import_module(module).main
    with patch.object(argparse.ArgumentParser, 'parse_args', carry_out), contextlib.redirect_stderr(io.StringIO()):
        try:
            main([])
        except _Asked as asked:
            return asked.args[0]
    raise AssertionError(f'{module} parses no arguments')


def nodes_of(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[Node]:
    """A parser and the parsers below it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    options = [option for action in parser._actions for option in action.option_strings]
    yield Node(words, options, [name for action in below for name in action.choices])
    for action in below:
        for name, part in action.choices.items():
            yield from nodes_of(part, (*words, name))


def as_bash(nodes: Sequence[Node]) -> str:
    """A function of bash and the line that makes it known."""
    cases = [
        f'        "{" ".join(node.words)}") words="{" ".join([*node.commands, *node.options])}" ;;' for node in nodes
    ]
    return '\n'.join(
        [
            '_mmseg() {',
            '    local current="${COMP_WORDS[COMP_CWORD]}" at="" words="" i',
            f'    local known=" {" ".join(sorted({" ".join(node.words).replace(" ", "/") for node in nodes}))} "',
            '    for ((i = 1; i < COMP_CWORD; i++)); do',
            '        case "$known" in *" ${at:+$at/}${COMP_WORDS[i]} "*) at="${at:+$at/}${COMP_WORDS[i]}" ;; esac',
            '    done',
            '    case "${at//\\// }" in',
            *cases,
            '    esac',
            '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
            '}',
            'complete -o default -F _mmseg mmseg',
            '',
        ]
    )


def as_zsh(nodes: Sequence[Node]) -> str:
    """The same by zsh's own layer for completions of bash."""
    return f'autoload -Uz compinit bashcompinit && compinit && bashcompinit\n{as_bash(nodes)}'


def as_fish(nodes: Sequence[Node]) -> str:
    """A line a command and an option."""
    lines = []
    for node in nodes:
        seen = '; and '.join(f'__fish_seen_subcommand_from {word}' for word in node.words)
        below = f'not __fish_seen_subcommand_from {" ".join(node.commands)}' if node.commands else ''
        where = '; and '.join(filter(None, [seen, below])) or 'true'
        lines += [f"complete -c mmseg -n '{where}' -a {name}" for name in node.commands]
        here = seen or '__fish_use_subcommand'
        for option in node.options:
            kind = '-l' if option.startswith('--') else '-s'
            lines.append(f"complete -c mmseg -n '{here}' {kind} {option.lstrip('-')}")
    return '\n'.join(lines) + '\n'
