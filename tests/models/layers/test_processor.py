"""Kernels are chosen by what a processor can; where that does not say it, by one measurement for the machine."""

import pytest
import torch

from mmseg.models.layers import processor


@pytest.fixture(autouse=True)
def unknown_processor(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, 'ONEDNN', True)
    monkeypatch.setattr(processor, 'CAPABILITY', 'AVX1024')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def clock(monkeypatch):
    """Ways of work that take as many seconds as they return; a list of the seconds done."""
    done = [0.0]
    monkeypatch.setattr(processor.time, 'process_time', lambda: done[0])

    def way(seconds):
        def work():
            done[0] += seconds

        return work

    return way


def never():
    raise AssertionError('not to be measured')


def test_a_known_capability_is_not_measured(monkeypatch):
    monkeypatch.setattr(processor, 'CAPABILITY', 'AVX2')
    assert processor.prefers('x', {'AVX2': True}, never, never) is True
    assert processor.prefers('x', {'AVX2': False}, never, never) is False


def test_without_the_library_there_is_one_way(monkeypatch):
    monkeypatch.setattr(processor, 'ONEDNN', False)
    assert processor.prefers('x', {'AVX1024': True}, never, never) is False


@pytest.mark.parametrize(('usual', 'taken'), [(2.0, True), (1.3, True), (1.2, False), (0.5, False)])
def test_the_other_way_has_to_be_clearly_faster(clock, usual, taken):
    assert processor.prefers('x', {}, clock(1.0), clock(usual)) is taken


def test_the_first_answer_is_kept_for_the_machine(clock):
    assert processor.prefers('x', {}, clock(1.0), clock(2.0)) is True
    assert processor.prefers('x', {}, never, never) is True
    assert processor.prefers('y', {}, clock(2.0), clock(1.0)) is False


def test_another_processor_has_its_own_answer(clock, monkeypatch):
    assert processor.prefers('x', {}, clock(1.0), clock(2.0)) is True
    monkeypatch.setattr(processor, 'CAPABILITY', 'AVX2048')
    assert processor.prefers('x', {}, clock(2.0), clock(1.0)) is False


def test_of_two_processes_that_measure_at_once_the_first_to_write_decides(clock):
    def other_process_first():
        processor.kept('x', lambda: True)
        return False

    assert processor.kept('x', other_process_first) is True


def test_a_damaged_answer_is_measured_again(unknown_processor):
    processor.kept('x', lambda: True)
    (file,) = unknown_processor.rglob('*.json')
    file.write_text('{"')
    assert processor.kept('x', lambda: False) is False
    assert file.read_text() == 'false'


def test_a_home_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    assert processor.kept('x', lambda: True) is True


def test_measuring_leaves_threads_and_chance_alone():
    torch.manual_seed(3)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    seen = []
    processor.least_seconds(lambda: seen.append(torch.get_num_threads()), repeats=2)
    assert processor.in_order(2, 3).shape == (2, 3)
    assert seen == [1, 1]
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_timed_can_be_done():
    from mmseg.models.layers import conv, linear

    assert linear._slow_products() in (True, False)
    assert conv._pays('winograd', True, conv.winograd, conv._direct, kernel=3) in (True, False)
    assert conv._pays('pointwise', True, conv._Pointwise.apply, conv.pointwise, kernel=1) in (True, False)
