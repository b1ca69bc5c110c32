import argparse
import json

import pytest

from mmseg.benchmark import data, startup
from mmseg.benchmark._alternate import alternate, rows_of
from mmseg.benchmark.options import MEASUREMENTS
from mmseg.commands.benchmark import main


def defaults(module, **options):
    parser = argparse.ArgumentParser()
    MEASUREMENTS[module.__name__.rpartition('.')[2]](parser)
    return argparse.Namespace(**{**vars(parser.parse_args([])), **options})


def test_settings_take_turns_and_the_first_round_is_not_counted():
    seen = []
    times = alternate({name: lambda i, name=name: seen.append((name, i)) for name in 'AB'}, rounds=2)
    assert seen == [('A', 0), ('B', 0), ('A', 1), ('B', 1), ('A', 2), ('B', 2)]
    assert [len(spent) for spent in times.values()] == [2, 2]


def test_rows_compare_with_the_first_setting():
    times = {'slow': [10.0, 20.0, 60.0], 'fast': [1.0, 2.0, 3.0]}
    slow, fast = rows_of(times, mean=False)
    assert (slow['ms'], slow['least'], slow['most'], slow['times']) == (20.0, 10.0, 60.0, 1.0)
    assert fast['times'] == 10.0
    assert rows_of(times, mean=True)[1]['times'] == 15.0


def test_the_parts_behind_the_network_are_measured_after_a_check_that_both_ways_agree(tmp_path):
    assert main(['eval', '--images', '1', '--device', 'cpu', '--out', str(tmp_path / 'eval.json')]) == 0
    measured = json.loads((tmp_path / 'eval.json').read_text())['eval']
    assert [row['name'] for row in measured['rows']] == ['as a whole', 'in strips']
    assert measured['rows'][1]['times'] > 1.5


def test_start_up_is_measured(monkeypatch):
    monkeypatch.setattr(startup, 'MODULES', ('mmseg',))
    names = [row['name'] for row in startup.run(defaults(startup, images=50, repeats=1))['rows']]
    assert names[0] == 'import mmseg'
    assert 'index from the table, checked against the files' in names


@pytest.mark.slow
def test_three_ways_to_a_sample_give_the_same_and_are_measured():
    measured = data.run(defaults(data, samples=4, images=3))
    assert [row['name'] for row in measured['rows']] == ['decode at every draw', 'from files', 'from cache']
    assert measured['sample_bytes'] <= 2_000_000
    assert measured['rows'][2]['times'] > 10
