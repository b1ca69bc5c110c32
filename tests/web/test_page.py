"""The page in headless Chromium, with a small network behind it."""

import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tests.browser import opened
from tests.fabricated import work_dir

#: an answer that comes when another file has been dropped already: how many are kept for that one
LATE = """async () => {
  state.answers = new Map();
  const late = answerOf(state.about.networks[0]);
  state.answers = new Map();
  await late;
  return state.answers.size;
}"""


@pytest.fixture
def address(tmp_path):
    """The address that the command says, of two runs."""
    run, other = work_dir(tmp_path / 'one'), work_dir(tmp_path / 'two')
    command = [sys.executable, '-m', 'mmseg', 'demo', '--web', str(run), '--compare', f'other={other}', '--port', '0']
    process = subprocess.Popen([*command, '--device', 'cpu', '--megapixels', '1'], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.match(r'(http://127\.0\.0\.1:\d+) ', process.stdout.readline())
        assert found
        yield f'{found[1]}/'
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.slow
def test_an_image_is_dropped_hovered_over_and_compared(address, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (60, 120, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'street.png'), picture)
    cv2.imwrite(str(tmp_path / 'huge.png'), np.zeros((1100, 1000, 3), np.uint8))
    (tmp_path / 'text.png').write_text('no image')
    with opened(address) as page:
        page.wait_for_selector('#choose-left option', state='attached')
        options = page.locator('#choose-left option').all_inner_texts()
        run = options[1].removesuffix(', student')
        assert options == ['image', f'{run}, student', f'{run}, teacher', 'other, student', 'other, teacher']
        page.set_input_files('#file', str(tmp_path / 'huge.png'))
        page.wait_for_selector('#status.wrong')
        assert 'huge.png has 1.1 megapixels, and the page takes up to 1' in page.inner_text('#status')
        page.set_input_files('#file', str(tmp_path / 'text.png'))
        page.wait_for_selector('#status:has-text("text.png cannot be read")')
        page.set_input_files('#file', str(tmp_path / 'street.png'))
        page.wait_for_selector('#view:not([hidden])')
        assert (
            page.evaluate("[...document.querySelectorAll('canvas')].map((one) => [one.width, one.height])")
            == [[120, 60]] * 2
        )
        pixel = "[...document.getElementById('left').getContext('2d').getImageData(5, 7, 1, 1).data]"
        assert (
            np.abs(np.array(page.evaluate(pixel)[2::-1]) - picture[7, 5].astype(int)).max() < 60
        )  # the image, as JPEG
        rows = page.locator('#legend tr').all_inner_texts()
        assert len(rows) > 1
        assert re.search(r'\d+ %', rows[1])
        box = page.locator('#at').bounding_box()
        page.mouse.move(box['x'] + 0.75 * box['width'], box['y'] + 0.5 * box['height'])
        assert re.fullmatch(rf'{run}, student at 90, 30: \w[\w ]*, confidence \d+ %', page.inner_text('#under'))
        page.select_option('#choose-left', 'other, teacher')
        page.wait_for_selector('#tag-left:has-text("other, teacher")')
        page.mouse.move(box['x'] + 0.1 * box['width'], box['y'] + 0.5 * box['height'])
        assert page.inner_text('#under').startswith('other, teacher at 12, 30: ')
        page.fill('#at', '20')
        assert page.eval_on_selector('#left', 'left => left.style.clipPath') == 'inset(0px 80% 0px 0px)'
        assert page.evaluate(LATE) == 0
        page.set_viewport_size({'width': 400, 'height': 800})
        assert page.evaluate('document.documentElement.scrollWidth') <= 400
