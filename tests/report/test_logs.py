import json
import os
from pathlib import Path

import pytest

from mmseg.errors import InputError
from mmseg.report.logs import read_log, thin


def write(path: Path, *lines: dict, end: str = '\n') -> Path:
    path.write_text('\n'.join(map(json.dumps, lines)) + end)
    return path


def train(at: int, loss: float) -> dict:
    return {'mode': 'train', 'epoch': 1, 'iter': at, 'lr': 0.1, 'loss': loss}


def val(at: int, miou: float) -> dict:
    return {'mode': 'val', 'epoch': 1, 'iter': at, 'lr': 0.1, 'mIoU': miou}


def test_what_a_resumed_run_logs_replaces_what_it_repeats(tmp_path):
    write(
        tmp_path / '20260101_10.log.json', train(1, 9), train(2, 8), val(2, 0.1), train(3, 7), train(4, 6), val(4, 0.2)
    )
    write(tmp_path / '20260101_11.log.json', train(3, 5), train(4, 4), val(4, 0.3))
    log = read_log(tmp_path)
    assert log.curve('loss') == ([1, 2, 3, 4], [9, 8, 5, 4])
    assert log.curve('mIoU') == ([2, 4], [pytest.approx(10), pytest.approx(30)])  # percent


def test_a_resumed_run_that_was_killed_early_has_no_evaluation_of_its_former_life(tmp_path):
    write(tmp_path / '1.log.json', train(1, 9), train(2, 8), val(2, 0.1))
    write(tmp_path / '2.log.json', train(2, 7))
    assert read_log(tmp_path).val == {}


def test_what_is_not_finite_is_absent(tmp_path):
    record = {**val(1, 0.1), 'IoU.train': float('nan')}
    log = read_log(write(tmp_path / 'a.log.json', train(1, float('inf')), record))
    assert log.names() == ['lr', 'mIoU']


def test_two_lives_in_one_file_are_told_apart(tmp_path):
    log = read_log(write(tmp_path / 'a.log.json', train(1, 9), train(2, 8), val(2, 0.1), train(3, 7), train(2, 5)))
    assert log.curve('loss') == ([1, 2], [9, 5])
    assert log.val == {}


def test_an_evaluation_that_counts_batches_belongs_to_the_training_before_it(tmp_path):
    log = read_log(write(tmp_path / 'a.log.json', train(4000, 2), val(500, 0.1), train(8000, 1), val(500, 0.2)))
    assert list(log.val) == [4000, 8000]
    assert log.curve('lr') == ([4000, 8000], [0.1, 0.1])  # not the one beside the metrics


def test_a_line_that_was_being_written_when_the_run_was_killed_is_left_out(tmp_path):
    file = write(tmp_path / 'a.log.json', train(1, 9), end='\n{"mode": "tra')
    assert list(read_log(file).train) == [1]


def test_a_file_that_is_no_log_is_named_with_its_line(tmp_path):
    file = tmp_path / 'a.log.json'
    file.write_text('Iter 1\nIter 2\n')
    with pytest.raises(InputError, match=r'a\.log\.json, line 1 is not JSON'):
        read_log(file)
    with pytest.raises(InputError, match='neither a'):
        read_log(tmp_path / 'absent')


def test_thinning_keeps_both_ends():
    assert thin(range(1000), 5) == [0, 250, 500, 749, 999]
    assert thin(range(3), 5) == [0, 1, 2]


def test_a_pipe_in_the_place_of_a_log_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / '1.log.json')
    with pytest.raises(InputError, match='is no file'):
        read_log(tmp_path)
