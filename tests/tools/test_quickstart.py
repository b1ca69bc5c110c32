import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_quickstart_ends_with_table_and_panel_and_skips_what_is_finished(tmp_path):
    for name in ('configs', 'tools', 'mmseg', 'experiments.py', 'run_experiments.py'):
        (tmp_path / name).symlink_to(REPO / name)
    command = [sys.executable, '-m', 'tools.quickstart', '--cfg-options', 'runner.max_iters=2', 'evaluation.interval=2']
    environment = {**os.environ, 'PYTHONPATH': str(tmp_path)}

    def quickstart() -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = quickstart()
    assert first.startswith('This takes about ')
    results = [line.partition(':')[0] for line in first.splitlines() if line.startswith('--- ')]
    assert sorted(results) == ['--- DAFormer', '--- oracle', '--- source-only']
    assert first.splitlines()[-1].endswith('work_dirs/quickstart/report/index.html')
    assert (tmp_path / 'work_dirs/quickstart/report/index.html').stat().st_size > 100_000
    assert all(name in first for name in ('source-only', 'DAFormer', 'oracle', 'mIoU (19 classes)', 'panel.png'))
    assert (tmp_path / 'work_dirs/quickstart/panel.png').stat().st_size > 10_000
    again = quickstart()
    assert again.count('nothing to do') == 1 + 2 + 3  # the pair, two converters, three trainings
    assert table(again) == table(first)


def table(output: str) -> list[str]:
    return [line for line in output.splitlines() if ' | ' in line][-22:]
