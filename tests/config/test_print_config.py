import pytest

from mmseg.config.load import load_config
from tests.config.test_shipped_configs import FINAL
from tools.print_config import main


def test_what_is_printed_is_the_resolved_config(capsys, tmp_path):
    assert main([str(FINAL), '--cfg-options', 'runner.max_iters=2', 'uda.alpha=0.5']) == 0
    printed = tmp_path / 'printed.py'
    printed.write_text(capsys.readouterr().out)
    expected = load_config(FINAL, {'runner.max_iters': 2, 'uda.alpha': 0.5})
    assert load_config(printed).to_dict() == expected.to_dict()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['configs/no_such_config.py'], 'Config not found'),
        ([str(FINAL), '--cfg-options', 'runer.max_iters=2'], "Did you mean 'runner'"),
        ([str(FINAL), '--cfg-options', 'max_iters'], 'KEY=VALUE'),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.err.startswith('error: ')
    assert message in told.err
    assert told.out == ''


def test_a_config_that_cannot_be_run_is_printed_and_ends_with_its_mistake(capsys):
    assert main(['toy/daformer', '--cfg-options', 'optimizer.momentum_of_nothing=1']) == 2
    told = capsys.readouterr()
    assert 'momentum_of_nothing' in told.out
    assert 'momentum_of_nothing' in told.err
