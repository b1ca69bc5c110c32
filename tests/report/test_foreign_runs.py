import csv
import io
import json
import math

import pytest

from mmseg.errors import InputError
from mmseg.report.html import SCRIPTS
from mmseg.report.logs import read_log
from mmseg.report.runs import read_run
from tests.report.made import config, work_dir
from tools import report


def data_of(page: str) -> dict:
    """The data in a page, as a browser would read them."""
    text = page.split('<script type="application/json" id="data">')[1].split('</script>', maxsplit=1)[0]
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f'{constant} is no JSON'))


def test_a_run_called_like_a_place_of_the_template_is_shown_by_its_name(tmp_path):
    run = work_dir(tmp_path / 'run', config(name='@SCRIPT@ @DATA@ @TITLE@'), {'road': 1})
    out = tmp_path / 'out'
    assert report.main([str(run), '--out', str(out), '--images', '0', '--title', '@STYLE@ @NOTHING@']) == 0
    page = (out / 'index.html').read_text(encoding='utf-8')
    assert data_of(page)['experiments'][0]['label'] == '@SCRIPT@ @DATA@ @TITLE@'
    assert '<title>@STYLE@ @NOTHING@</title>' in page
    assert page.count('</script>') == 2
    assert len(SCRIPTS) > 1


def test_numbers_and_texts_that_json_has_no_form_for_leave_a_page_that_is_read(tmp_path):
    settings = config(name='half \ud800', optimizer={'type': 'AdamW', 'lr': math.nan, 'eps': math.inf})
    run = work_dir(tmp_path / 'run', settings, {'road': 1})
    work_dir(tmp_path / 'other', config('dacs'), {'road': 1})
    log = next(run.glob('*.log.json'))
    numbers = ('1e999', '9' * 400, '-' + '9' * 9999)
    odd = [f'{{"mode": "train", "iter": 1, "loss": {number}, "lr": 1}}' for number in numbers]
    odd += ['{"mode": "train", "iter": 2, "loss": NaN, "\\ud800": 1e308}', '{"mode": "train", "iter": 3, "loss": 1e99}']
    log.write_text('\n'.join(odd) + '\n' + log.read_text())
    (run / 'environment.txt').write_bytes(b'torch: \xff\xfe 2.7\n')
    out = tmp_path / 'out'
    assert report.main([str(tmp_path), '--out', str(out), '--images', '0']) == 0
    data = data_of((out / 'index.html').read_text(encoding='utf-8'))
    assert {one['label'] for one in data['experiments']} >= {'half \ufffd'}


def test_values_that_are_no_numbers_are_absent_from_a_log(tmp_path):
    (tmp_path / '1.log.json').write_text(f'{{"mode": "train", "iter": 1, "a": 1e999, "b": {"9" * 350}, "c": 2}}\n')
    assert read_log(tmp_path).train == {1: {'c': 2.0}}


@pytest.mark.parametrize('iteration', ['1e3', '-1', 'true', '9' * 20, '"1"', 'null'])
def test_an_iteration_that_can_be_none_is_named(tmp_path, iteration):
    (tmp_path / '1.log.json').write_text(f'{{"mode": "train", "iter": {iteration}}}\n')
    with pytest.raises(InputError, match='not a whole number'):
        read_log(tmp_path)


@pytest.mark.parametrize('text', ['[' * 100_000, '{"a":' * 200 + '1' + '}' * 200])
def test_a_deep_log_is_named(tmp_path, text):
    (tmp_path / '1.log.json').write_text(f'{text}\n{{"mode": "train", "iter": 1}}\n')
    with pytest.raises(InputError, match='line 1 is not JSON'):
        read_log(tmp_path)


@pytest.mark.parametrize(
    'changes',
    [
        {'seed': 'x'},
        {'runner': 5},
        {'runner': {'max_iters': 'many'}},
        {'model': {'type': 'EncoderDecoder'}},
        {'model': {'type': 'X', 'backbone': 5, 'decode_head': []}},
        {'data': {'test': 5}},
        {'data': {'test': [5], 'train': []}},
        {'data': {'test': {'type': 'CustomDataset', 'img_dir': ''}}},
        {'uda': {'type': 'DACS', 'imnet_feature_dist_lambda': 'x'}},
    ],
)
def test_a_config_that_describes_no_run_is_named(tmp_path, changes):
    run = work_dir(tmp_path / 'run', config(**{'seed': 0} | changes), {'road': 1})
    with pytest.raises(InputError, match='run'):
        read_run(run)


HOSTILE = '\x1b]0;x\x07 a|b\n<script> =1 \\input{/etc/passwd} $x^2$ ~'


@pytest.mark.parametrize('form', ['csv', 'latex', 'markdown', 'compare'])
def test_names_command_neither_a_terminal_nor_latex_nor_a_page_nor_a_spreadsheet(tmp_path, capsys, form):
    work_dir(tmp_path / 'run', config(name=f'={HOSTILE}'), {f'{HOSTILE}': 1})
    work_dir(tmp_path / 'other', config('dacs', name='@SUM'), {f'{HOSTILE}': 1})
    assert report.main([str(tmp_path), '--format', form]) == 0
    told = capsys.readouterr().out
    assert '\x1b' not in told
    assert '\x07' not in told
    if form == 'latex':
        assert '\\input' not in told
        assert '\\textbackslash{}input\\{/etc/passwd\\} \\$x\\textasciicircum{}2\\$ \\textasciitilde{}' in told
    if form == 'markdown':
        assert '<script>' not in told
        assert all(
            line.replace('\\|', '').count('|') == told.split('\n')[0].replace('\\|', '').count('|')
            for line in told.splitlines()
        )
    if form == 'csv':
        assert all(cell[:1] not in '=+-@' for row in csv.reader(io.StringIO(told)) for cell in row if cell)


def test_code_in_a_work_directory_is_not_run(tmp_path, capsys):
    run = work_dir(tmp_path / 'run', config(), {'road': 1})
    next(path for path in run.glob('*.json') if not path.name.endswith('.log.json')).unlink()
    (run / 'run.py').write_text(f'open({str(tmp_path / "ran")!r}, "w")')
    assert report.main([str(run), '--out', str(tmp_path / 'out')]) == 2
    assert 'run.py is code' in capsys.readouterr().err
    assert not (tmp_path / 'ran').exists()
