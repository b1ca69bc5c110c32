import json

import pytest
from matplotlib.colors import to_rgba

from mmseg.errors import InputError
from mmseg.report.curves import COLOURS
from tools import run_table
from tools.work import run_table as work


def row(config, seed, miou):
    return {'config': config, 'seed': seed, 'minutes': 2.0, 'mIoU': miou / 100}


def test_the_last_evaluation_of_the_newest_log_counts(tmp_path):
    lines = [{'mode': 'train', 'iter': 10}, {'mode': 'val', 'mIoU': 1.0}, {'mode': 'val', 'mIoU': 2.5}]
    (tmp_path / '20260101_1200.log.json').write_text('\n'.join(map(json.dumps, lines)))
    assert run_table.last_evaluation(tmp_path)['mIoU'] == 2.5


def test_a_run_without_evaluation_is_named(tmp_path):
    with pytest.raises(InputError, match=r'no evaluation.*max_iters'):
        run_table.last_evaluation(tmp_path)


def test_the_summary_holds_mean_and_sample_deviation_over_seeds():
    text = run_table.summary([row('uda', 1, 24.0), row('uda', 0, 20.0), row('src', 0, 5.0)])
    assert '| uda | 0: 20.0, 1: 24.0 | 22.0 | 2.8 | 2.0 |' in text  # sqrt(((20-22)^2 + (24-22)^2) / 1) = 2.83
    assert '| src | 0: 5.0 | 5.0 | - | 2.0 |' in text


def test_runs_in_the_table_are_skipped_and_new_ones_recorded_at_once(tmp_path, monkeypatch):
    table = tmp_path / 'table.json'
    run_table.write_table(table, [row('uda', 0, 20.0)])
    trained = []

    def train(config, seed, options):
        trained.append((config.stem, seed))
        if seed == 2:
            raise InputError('stopped')
        return row(config.stem, seed, 30.0)

    monkeypatch.setattr(run_table, 'train', train)
    assert run_table.main([str(table), 'configs/uda.py', '--seeds', '0', '1', '2']) == 2
    assert trained == [('uda', 1), ('uda', 2)]
    assert [entry['seed'] for entry in run_table.read_table(table)] == [0, 1]


@pytest.mark.parametrize('content', ['{"a": 1}', '[1', '[3]'])
def test_a_file_that_is_no_table_is_refused(tmp_path, content):
    (tmp_path / 'table.json').write_text(content)
    with pytest.raises(InputError, match='no table of runs'):
        run_table.read_table(tmp_path / 'table.json')


def test_a_run_with_other_options_is_not_taken_for_the_one_in_the_table(tmp_path, monkeypatch, capsys):
    table = tmp_path / 'table.json'
    run_table.write_table(table, [row('uda', 0, 20.0) | {'options': ['optimizer.lr=1e-3']}])
    monkeypatch.setattr(run_table, 'train', lambda *_: pytest.fail('trained'))
    assert run_table.main([str(table), 'uda.py', '--cfg-options', 'optimizer.lr=1e-3']) in (None, 0)
    for options in ([], ['--cfg-options', 'optimizer.lr=2e-3']):
        assert run_table.main([str(table), 'uda.py', *options]) == 2
        assert 'optimizer.lr=1e-3' in capsys.readouterr().err


def test_the_table_and_the_picture_show_the_given_configs_in_their_order_and_by_their_names(tmp_path, monkeypatch):
    table = tmp_path / 'table.json'
    run_table.write_table(table, [row(config, 0, 20.0) for config in ('uda', 'other', 'src')])
    drawn = []
    monkeypatch.setattr(work, 'draw', lambda rows, path, titles: drawn.append(([r['config'] for r in rows], titles)))
    call = [str(table), 'src.py', 'uda.py', '--print', '--plot', str(tmp_path / 'a.png'), '--names']
    run_table.main([*call, 'source-only', 'DAFormer'])
    assert drawn == [(['src', 'uda'], {'src': 'source-only', 'uda': 'DAFormer'})]
    assert run_table.main([*call, 'source-only']) == 2


def test_many_bars_take_equal_lines():
    assert work.lines_of('abcdef', 3) == ['abcdef']  # 18 bars
    assert work.lines_of('abcdefghijklmnopqrst', 7) == ['abcdefghij', 'klmnopqrst']  # 140 bars, 75 in a line


def test_classes_that_no_run_finds_are_named_in_one_line_and_bars_have_the_colours_of_the_report(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(work, 'save', lambda figure, path: kept.append(figure))
    runs = [row('uda', 0, 20.0) | {'IoU.road': 0.5, 'IoU.bus': 0.0, 'IoU.sky': None}]
    runs += [row('uda', 1, 30.0) | {'IoU.road': 0.7, 'IoU.bus': 0.0, 'IoU.sky': None}]
    runs += [row('src', 0, 10.0) | {'IoU.road': 0.2, 'IoU.bus': 0.0, 'IoU.sky': 0.0004}]
    work.draw(runs, tmp_path / 'a.png')
    (axes,) = kept[0].axes
    assert axes.get_xlabel() == '0 in all runs: bus, sky'
    assert [label.get_text() for label in axes.get_xticklabels()] == ['mIoU', 'road']
    assert [patch.get_height() for patch in axes.patches] == pytest.approx([25, 60, 10, 20])
    assert axes.patches[0].get_facecolor() == to_rgba(COLOURS[0])
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ['uda (2 seeds)', 'src (1 seed)']
