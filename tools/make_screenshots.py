"""Take the pictures of pages that the documentation shows into ``docs/images/``, from the runs of a quickstart.

    python -m tools.make_screenshots work_dirs/quickstart        # report.webp, demo_web.webp

It needs playwright and an installed browser.
"""

import argparse
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.quickstart import DATA, RUNS
from mmseg.errors import InputError, command
from mmseg.places import check_folder
from mmseg.writing import replacing
from tools.work.browser import browser_file, page_of

REPORT_WIDTH = 900
DEMO_WIDTH, DEMO_HEIGHT = 1280, 760
QUALITY = 85


def take_report(program: str, file: Path, out: Path) -> None:
    """The page from its top to the end of its pictures; differences and environment are cut off."""
    with page_of(program, width=REPORT_WIDTH, offline=True) as page:
        page.goto(file.resolve().as_uri())
        box = page.locator('#gallery').bounding_box()
        bottom = box['y'] + box['height'] + 16
        page.set_viewport_size({'width': REPORT_WIDTH, 'height': round(bottom)})
        save(page, out)


def take_demo(program: str, runs: dict[str, Path], image: Path, out: Path) -> None:
    """The page to drop images on, with one on it: source-only left of the border, DAFormer right of it."""
    with served(runs) as address, page_of(program, width=DEMO_WIDTH, height=DEMO_HEIGHT) as page:
        page.goto(address)
        page.wait_for_selector('#choose-left option', state='attached')
        page.set_input_files('#file', str(image))
        page.wait_for_selector('#view:not([hidden])')
        offered = page.locator('#choose-left option').all_inner_texts()
        page.select_option('#choose-left', next(name for name in offered if name.startswith('source-only')))
        page.wait_for_selector('#tag-left:has-text("source-only")')
        box = page.locator('#at').bounding_box()
        page.mouse.move(box['x'] + 0.7 * box['width'], box['y'] + 0.7 * box['height'])
        save(page, out)


@contextmanager
def served(runs: dict[str, Path]) -> Iterator[str]:
    """The address of ``mmseg demo --web`` of these runs."""
    compared = f'source-only={runs["source-only"]}'
    call = [sys.executable, '-m', 'mmseg', 'demo', '--web', str(runs['DAFormer']), '--compare', compared, '--port', '0']
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ''
            found = re.match(r'(http://\S+) ', line)
            if found is None:
                raise InputError('mmseg demo --web did not start; what it printed above says why.')
            yield found[1]
        finally:
            process.terminate()


def save(page: Any, out: Path) -> None:
    from PIL import Image  # noqa: PLC0415 (--help needs none)

    image = Image.open(io.BytesIO(page.screenshot()))
    with replacing(out) as temporary, temporary.open('wb') as file:
        image.convert('RGB').save(file, format='WEBP', quality=QUALITY)
    print(out)


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('quickstart', nargs='?', type=Path, default=Path('work_dirs/quickstart'), metavar='FOLDER')
    parser.add_argument('--out', type=Path, default=Path('docs/images'))
    args = parser.parse_args(argv)
    check_folder(args.out)
    report = args.quickstart / 'report' / 'index.html'
    runs = {name: args.quickstart / folder for name, folder in RUNS.items()}
    pictures = sorted(DATA.glob('cityscapes/leftImg8bit/val/*/*.png'))
    if not report.is_file() or not pictures:
        raise InputError(f'{report} or the pictures in {DATA} are missing: mmseg quickstart makes both.')
    program = browser_file()
    take_report(program, report, args.out / 'report.webp')
    take_demo(program, runs, pictures[1], args.out / 'demo_web.webp')


if __name__ == '__main__':
    sys.exit(main())
