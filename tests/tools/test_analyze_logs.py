from pathlib import Path

import cv2
import pytest

from mmseg.report import curves
from mmseg.report.logs import Log, log_files, read_log
from tests.report.made import config, work_dir
from tools import analyze_logs


@pytest.fixture
def run(tmp_path):
    return work_dir(tmp_path / 'run', config(), {'road': 50})


def test_each_key_has_a_panel(run, tmp_path, capsys):
    heights = []
    for keys in (['loss'], ['loss', 'mIoU', 'IoU.road']):
        out = tmp_path / f'{len(keys)}.png'
        assert analyze_logs.main([f'one={run}', f'two={run}', '--keys', *keys, '--out', str(out)]) == 0
        heights.append(cv2.imread(str(out)).shape[0])
    assert heights[1] > 2 * heights[0]
    assert str(tmp_path / '3.png') in capsys.readouterr().out


def test_lines_have_the_colours_of_the_report():
    script = (Path(curves.__file__).parent / 'page' / 'common.js').read_text()
    assert all(f"'{colour}'" in script for colour in curves.COLOURS)


def test_a_class_at_zero_lies_on_the_ground_of_its_axis(run, tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(curves, 'save', lambda figure, path: kept.append(figure) or path)
    log = read_log(log_files(work_dir(tmp_path / 'none', config(), {'road': 0})))
    curves.draw_curves({'none': [log]}, ['IoU.road', 'lr'], tmp_path / 'a.png')
    assert kept[0].axes[0].get_ylim() == (0, 10)


def test_what_is_logged_is_listed(run, capsys):
    assert analyze_logs.main([str(run), '--list']) == 0
    assert {'lr', 'loss', 'mIoU', 'IoU.road'} <= set(capsys.readouterr().out.split())


def test_a_key_that_is_not_logged_is_named(run, capsys):
    assert analyze_logs.main([str(run), '--keys', 'los']) == 2
    assert "No log has 'los'. Did you mean 'loss'?" in capsys.readouterr().err


def test_runs_of_one_name_are_refused(run, capsys):
    assert analyze_logs.main([str(run), str(run)]) == 2
    assert 'NAME=WORK_DIR' in capsys.readouterr().err


def test_runs_given_one_name_are_seeds_with_their_mean_and_a_band(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(curves, 'save', lambda figure, path: kept.append(figure) or path)
    seeds = [work_dir(tmp_path / f's{i}', config(seed=i), {'road': iou}) for i, iou in enumerate((20, 30, 70))]
    alone = work_dir(tmp_path / 'alone', config(), {'road': 50})
    arguments = [*(f'DAFormer={run}' for run in seeds), str(alone), '--keys', 'IoU.road']
    assert analyze_logs.main([*arguments, '--out', str(tmp_path / 'a.png')]) == 0
    (axes,) = kept[0].axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [pytest.approx([40]), pytest.approx([50])]
    assert [line.get_label().partition(' ')[0] for line in axes.lines] == ['DAFormer', 'alone']
    band, stroke = axes.collections  # at the only iteration a band has no width
    for drawn in (band, stroke):
        assert {round(float(y), 6) for y in drawn.get_paths()[0].vertices[:, 1]} == {20, 70}


def test_the_mean_is_over_iterations_that_all_seeds_have():
    logs = [Log(train={1: {'loss': 1}, 2: {'loss': 3}}), Log(train={2: {'loss': 5}, 3: {'loss': 9}}), Log()]
    assert curves.curve_over_seeds(logs, 'loss') == ([2], [4], [3], [5], 2)
    assert curves.curve_over_seeds([Log()], 'loss') == ([], [], [], [], 0)


@pytest.mark.parametrize('name', ['curves', 'curves.xyz'])
def test_a_name_without_a_known_format_is_refused(run, tmp_path, name, capsys):
    assert analyze_logs.main([str(run), '--out', str(tmp_path / name)]) == 2
    assert f'{name}: its name has to end with' in capsys.readouterr().err
    assert not list(tmp_path.glob('curves*'))


def test_a_picture_among_the_runs_is_left_out_and_told(run, tmp_path, capsys):
    picture = tmp_path / 'curves.png'
    picture.touch()
    assert analyze_logs.main([str(picture), str(run), '--list']) == 0
    assert f'{picture} is left out' in capsys.readouterr().err
    assert analyze_logs.main([str(picture), '--list']) == 2


def test_a_folder_without_a_log_among_the_runs_is_left_out_and_told(run, tmp_path, capsys):
    debug = tmp_path / 'class_mix_debug'
    debug.mkdir()
    assert analyze_logs.main([str(debug), str(run), '--list']) == 0
    assert f'{debug} is left out' in capsys.readouterr().err
    assert analyze_logs.main([str(debug), '--list']) == 2
