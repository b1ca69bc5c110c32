import os
import signal

import pytest

from mmseg.engine.stop import StopRequest
from mmseg.signals import ENDING


@pytest.fixture
def interruptible():
    """Python's own answer to SIGINT; a shell starts commands in the background with one that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
def test_a_first_signal_is_remembered_and_a_second_one_acts():
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGINT)
        assert request.signal_number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in ENDING]
    with StopRequest() as request:
        assert signal.getsignal(signal.SIGTERM) not in before
    assert request.signal_number is None
    assert [signal.getsignal(number) for number in ENDING] == before
