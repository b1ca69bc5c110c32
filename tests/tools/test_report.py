from pathlib import Path

import numpy as np
import pytest

from mmseg.commands.report import title_of
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.evaluation.export import colorize, write_png
from tests.browser import opened
from tests.fabricated import cityscapes
from tests.report.made import config, grid, work_dir
from tools import report


def predictions(run: Path, data: Path) -> None:
    """Leave what test.sh leaves: a coloured picture for every test image."""
    rng = np.random.default_rng(0)
    for image in (data / 'leftImg8bit' / 'val').glob('*/*.png'):
        labels = rng.integers(0, 19, (48, 96))
        write_png(run / 'preds' / image.parent.name / image.name, colorize(labels, CITYSCAPES19.palette)[..., ::-1])


@pytest.fixture
def page(tmp_path) -> Path:
    """The page of three experiments, with pictures of two of them."""
    data = cityscapes(tmp_path / 'data', count=3)
    runs = grid(tmp_path / 'runs', str(data))
    for name in ('dacs_1', 'oracle_0'):
        predictions(runs / name, data)
    # A name that would end the page's script early or add an element, if it were not escaped.
    work_dir(runs / 'odd', config('dacs', root=str(data), name='</script><b>odd', optimizer={'lr': 1}), {'road': 1})
    assert report.main([str(runs), '--out', str(tmp_path / 'out'), '--images', '2', '--title', 'A & B']) == 0
    return tmp_path / 'out' / 'index.html'


def names(page) -> list[str]:
    return [row.get_attribute('data-experiment') for row in page.query_selector_all('#table tr.group')]


def test_the_table_is_sorted_and_filtered_and_shows_seeds(page):
    with opened(page) as shown:
        assert names(shown) == ['source-only', 'dacs', '</script><b>odd', 'oracle']
        shown.click('#table th:has-text("mIoU")')
        assert names(shown) == ['oracle', 'dacs', 'source-only', '</script><b>odd']
        shown.click('#table th:has-text("mIoU")')
        assert names(shown)[0] == '</script><b>odd'
        shown.fill('#filter', 'dacs warm')
        assert names(shown) == ['</script><b>odd', 'dacs']
        shown.fill('#filter', '')
        shown.select_option('#setting', 'oracle')
        assert names(shown) == ['oracle']
        shown.select_option('#setting', '')
        shown.click('#table tr[data-experiment=dacs]')
        assert shown.locator('#table tr.seed').count() == 3
        cells = shown.locator('#table tr[data-experiment=dacs] td').all_inner_texts()
        assert cells[1].strip() == '47.3 ± 9.3'
        assert '71.0' in cells
        assert any(cell.startswith('58.2') for cell in cells)  # published, beside it
        assert any('▲ 1 class' in cell for cell in cells)
        assert 'bus: IoU 60.0 (seed 0), 3.0 (seed 1), 30.0 (seed 2)' in shown.inner_text('#warnings')


def test_every_class_has_a_column_and_bars(page):
    with opened(page) as shown:
        shown.click('[data-view=classes]')
        heads = shown.locator('#table th').all_inner_texts()
        assert heads == ['Experiment', 'mIoU', 'road', 'sidewalk', 'bus']
        assert '▲' in shown.locator('#table tr[data-experiment=dacs] td').nth(4).inner_text()
        bars = shown.locator('#bars g.bar').count()
        shown.click('#classes .chip:has-text("oracle")')
        assert shown.locator('#bars g.bar').count() == bars - 3


def test_the_slider_moves_the_border_between_two_pictures(page):
    with opened(page) as shown:
        assert shown.locator('#frame img').count() == 2
        shown.locator('#slider').scroll_into_view_if_needed()
        box = shown.locator('#slider').bounding_box()
        middle = box['y'] + box['height'] / 2
        shown.mouse.move(box['x'] + 0.5 * box['width'], middle)
        shown.mouse.down()
        shown.mouse.move(box['x'] + 0.2 * box['width'], middle, steps=4)
        shown.mouse.up()
        at = float(shown.eval_on_selector('.frame .bar', 'bar => parseFloat(bar.style.left)'))
        assert at == pytest.approx(20, abs=2)
        clip = shown.eval_on_selector('.frame .over', 'over => over.style.clipPath')
        assert clip == f'inset(0px {100 - at:g}% 0px 0px)'
        options = shown.locator('#layer-right option').all_inner_texts()
        assert options == ['image', 'ground truth', 'dacs', 'oracle']
        shown.select_option('#layer-right', 'ground truth')
        assert shown.inner_text('.frame .tag.r') == 'ground truth'
        first = shown.get_attribute('#frame img', 'src')
        shown.click('.thumbs button >> nth=1')
        assert shown.get_attribute('#frame img', 'src') != first
        assert 'sh test.sh' in shown.inner_text('#viewer')  # how to get the picture that is missing


def test_a_dark_image_has_a_thumbnail_of_stretched_contrast_and_the_page_says_so(tmp_path):
    data = cityscapes(tmp_path / 'data', count=2)
    dark, bright = sorted((data / 'leftImg8bit' / 'val').glob('*/*.png'))
    write_png(dark, np.random.default_rng(1).integers(0, 40, (48, 96, 3)).astype(np.uint8))
    run = work_dir(tmp_path / 'runs' / 'dacs', config('dacs', root=str(data)), {'road': 50})
    predictions(run, data)
    assert report.main([str(tmp_path / 'runs'), '--out', str(tmp_path / 'out')]) == 0
    with opened(tmp_path / 'out' / 'index.html') as shown:
        thumbs = {one.get_attribute('aria-label'): one for one in shown.query_selector_all('.thumbs button')}
        images = {name: one.query_selector('img').get_attribute('src') for name, one in thumbs.items()}
        thumbs[bright.name].click()
        assert shown.locator('#layer-left option').all_inner_texts() == ['image', 'ground truth', 'dacs']
        assert shown.get_attribute('.over img', 'src') == images[bright.name]
        assert 'stretched' not in shown.inner_text('#viewer .hint')
        thumbs = {one.get_attribute('aria-label'): one for one in shown.query_selector_all('.thumbs button')}
        assert thumbs[dark.name].get_attribute('title') == f'{dark.name} (contrast stretched)'
        thumbs[dark.name].click()
        assert shown.get_attribute('.over img', 'src') != images[dark.name]  # the image itself
        assert 'its thumbnail has its contrast stretched' in shown.inner_text('#viewer .hint')
        shown.select_option('#layer-left', 'image, contrast stretched')
        assert shown.get_attribute('.over img', 'src') == images[dark.name]


def test_curves_and_differences_are_drawn_and_a_narrow_window_does_not_scroll_sideways(page):
    with opened(page, width=390) as shown:
        assert shown.locator('#panels svg').count() >= 3
        assert shown.locator('#panels path').count() > 10
        assert shown.locator('#panels .panel').first.locator('.band').count() == 1  # of three experiments one has seeds
        shown.fill('#config-filter', 'optimizer.lr')
        values = shown.locator('#config tbody td').all_inner_texts()
        assert values == ['optimizer.lr', '6e-05', '6e-05', '1', '6e-05']
        assert shown.evaluate('document.documentElement.scrollWidth') <= 390


def test_in_a_narrow_window_the_score_is_beside_a_long_name_and_nothing_is_cut(tmp_path):
    name = 'a_' + 'long_name_of_a_run' * 4
    work_dir(tmp_path / 'runs' / name, config('dacs', name=name), {'road': 50})
    assert report.main([str(tmp_path / 'runs'), '--out', str(tmp_path / 'out')]) == 0
    with opened(tmp_path / 'out' / 'index.html', width=390) as shown:
        score = shown.locator('#table tr.group td').nth(1).bounding_box()
        assert score['x'] + score['width'] < 390
        wide = 'all => all.filter(it => it.getBoundingClientRect().right > 391).map(it => it.outerHTML.slice(0, 80))'
        assert shown.eval_on_selector_all('.tile, .tile *, #warnings *, .controls *', wide) == []


def test_a_bound_of_other_data_is_not_compared_with(tmp_path):
    other = config('source-only', name='other')
    other['data']['train']['type'] = 'SynthiaDataset'
    work_dir(tmp_path / 'runs' / 'other', other, {'road': 20})
    work_dir(tmp_path / 'runs' / 'dacs', config('dacs'), {'road': 50})
    assert report.main([str(tmp_path / 'runs'), '--out', str(tmp_path / 'out')]) == 0
    with opened(tmp_path / 'out' / 'index.html') as shown:
        assert 'Best adaptation' in shown.inner_text('#summary')
        assert 'source-only' not in shown.inner_text('#summary')
        assert 'Lower bound' not in shown.inner_text('#summary')


def test_the_page_is_one_file_without_addresses(page):
    text = page.read_text(encoding='utf-8')
    assert [path.name for path in page.parent.iterdir()] == ['index.html']
    assert 'src="http' not in text
    assert 'href="http' not in text
    assert '<title>A &amp; B</title>' in text


def test_a_page_is_called_after_what_it_is_about(tmp_path):
    folders = [('', tmp_path / 'local-toy'), ('DAFormer', tmp_path / 'a'), ('DAFormer', tmp_path / 'b')]
    assert title_of(folders) == 'local-toy, DAFormer'
    assert title_of([('', Path(str(number))) for number in range(5)]) == '0 and 4 others'


def test_other_formats_are_printed(tmp_path, capsys):
    grid(tmp_path)
    for form, start in (('csv', 'experiment,setting,'), ('latex', r'\begin{tabular}'), ('markdown', '| experiment |')):
        assert report.main([str(tmp_path), '--format', form]) == 0
        assert capsys.readouterr().out.startswith(start)


def test_what_configs_and_environments_do_not_share_is_printed(tmp_path, capsys):
    work_dir(tmp_path / 'a', config('dacs'), {'road': 1}, environment='torch: 2.7.0\npython: 3.11.7\ncommand: a\n')
    other = config('dacs', name='other', optimizer={'type': 'AdamW', 'lr': 0.1})
    work_dir(tmp_path / 'b', other, {'road': 1}, environment='torch: 2.8.0\npython: 3.11.7\ncommand: b\n')
    assert report.main([str(tmp_path), '--format', 'compare']) == 0
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines() if line.startswith('optimizer')] == [
        ['optimizer.lr', '|', '6e-05', '|', '0.1']
    ]
    assert 'torch: 2.7.0 (a)\ntorch: 2.8.0 (b)' in printed
    assert 'python' not in printed
    assert 'command' not in printed


def test_data_that_are_not_here_leave_a_note_and_a_page(tmp_path, capsys):
    grid(tmp_path / 'runs', str(tmp_path / 'absent'))
    assert report.main([str(tmp_path / 'runs'), '--out', str(tmp_path / 'out')]) == 0
    assert 'No pictures: the test data of' in capsys.readouterr().err
    assert (tmp_path / 'out' / 'index.html').is_file()


def test_a_broken_log_is_named(tmp_path, capsys):
    run = work_dir(tmp_path / 'runs' / 'broken', config(), {'road': 1})
    (run / '20260101_120000.log.json').write_text('{"mode": "train"\nx\n')
    assert report.main([str(run)]) == 2
    assert 'line 1 is not JSON' in capsys.readouterr().err


def test_a_run_that_cannot_be_read_does_not_stop_the_report(tmp_path, capsys):
    work_dir(tmp_path / 'runs' / 'good', config(), {'road': 1})
    (work_dir(tmp_path / 'runs' / 'bad', config(), {'road': 1}) / 'bad.json').unlink()
    assert report.main([str(tmp_path), '--out', str(tmp_path / 'out'), '--images', '0']) == 0
    assert 'left out:' in capsys.readouterr().err
    with opened(tmp_path / 'out' / 'index.html') as shown:
        assert 'holds no config' in shown.inner_text('#warnings')
        assert names(shown) == ['source-only']
