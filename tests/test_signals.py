"""A signal ends a command with one sentence, whenever it comes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmseg import signals
from mmseg.errors import command

ROOT = Path(__file__).parents[1]
START = """
from mmseg.signals import end_while_starting
end_while_starting()
print(flush=True)
import time
time.sleep(60)
"""
RUN = """
import time
from mmseg.errors import command
@command
def main():
    print(flush=True)
    time.sleep(60)
raise SystemExit(main())
"""


def ended(code, number):
    """Exit code and last words of a program that gets a signal as soon as it has printed a line."""
    with started([sys.executable, '-c', code]) as process:
        process.send_signal(number)
        said = process.communicate()[1]
    return process.returncode, said


def started(call):
    """A program that has printed its first line."""
    process = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.usefixtures('sighup_heard')
@pytest.mark.parametrize('code', [START, RUN], ids=['imports', 'command'])
@pytest.mark.parametrize('number', signals.ENDING)
def test_a_signal_is_one_sentence(code, number):
    exit_code, said = ended(code, number)
    assert exit_code == {'SIGUSR1': 75}.get(number.name, 128 + number)
    assert said.startswith(f'stopped: {number.name} ({int(number)}) ended ')
    assert said.count('\n') == 1


def test_nohup_is_respected():
    with started(['nohup', sys.executable, '-c', RUN]) as process:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.kill()


def test_handlers_are_put_back_and_files_are_closed_first(capsys):
    before = [signal.getsignal(number) for number in signals.ENDING]
    closed = []

    @command
    def main():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            closed.append(True)

    assert main() == 143
    assert closed == [True]
    assert capsys.readouterr().err == 'stopped: SIGTERM (15) ended this at once; what was written before is whole.\n'
    assert [signal.getsignal(number) for number in signals.ENDING] == before


def test_of_several_processes_one_says_it(monkeypatch, capsys):
    monkeypatch.setenv('RANK', '1')
    signals.say_ended(signal.SIGINT)
    assert capsys.readouterr().err == ''


def test_the_scripts_of_a_training_can_be_interrupted_before_torch_is_there():
    """``import mmseg`` alone does not bring it; the registry comes when it is asked for."""
    code = "import sys, mmseg.signals; assert 'torch' not in sys.modules; import mmseg; mmseg.registry.MODELS"
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)
