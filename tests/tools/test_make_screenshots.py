from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg.commands import report
from mmseg.errors import InputError
from tests.fabricated import cityscapes, work_dir
from tools import make_screenshots
from tools.work.browser import browser_file


def test_runs_that_are_missing_are_named_with_what_makes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert make_screenshots.main(['runs']) == 2
    assert 'runs/report/index.html or the pictures in data/toy are missing: mmseg quickstart' in capsys.readouterr().err


@pytest.mark.slow
def test_pages_become_pictures_of_the_documentation(tmp_path, monkeypatch):
    skip_without_browser()
    monkeypatch.setattr(make_screenshots, 'DATA', tmp_path / 'data')
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).resolve().parents[2]))
    (tmp_path / 'runs').mkdir()
    cityscapes(tmp_path / 'data' / 'cityscapes', count=2)
    runs = [work_dir(tmp_path / name).rename(tmp_path / 'runs' / name) for name in ('source_only', 'daformer')]
    assert report.main([*map(str, runs), '--out', str(tmp_path / 'runs' / 'report')]) == 0
    assert make_screenshots.main([str(tmp_path / 'runs'), '--out', str(tmp_path / 'out')]) == 0
    page = np.asarray(Image.open(tmp_path / 'out' / 'report.webp'))
    demo = np.asarray(Image.open(tmp_path / 'out' / 'demo_web.webp'))
    assert (page.shape[1], demo.shape[:2]) == (900, (760, 1280))
    assert min(page.std(), demo.std()) > 10


def skip_without_browser() -> None:
    try:
        browser_file()
    except InputError as error:
        pytest.skip(str(error))
