"""The notebook runs from its first cell to its last."""

import os
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / 'demo' / 'tutorial.ipynb'


@pytest.mark.slow
def test_the_tutorial_runs_in_an_empty_folder(tmp_path, monkeypatch):
    nbclient = pytest.importorskip('nbclient', reason='needs nbclient and ipykernel')
    pytest.importorskip('ipykernel', reason='needs nbclient and ipykernel')
    nbformat = pytest.importorskip('nbformat')
    monkeypatch.setenv('MMSEG_TUTORIAL_ITERATIONS', '2')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(NOTEBOOK.parents[1]), os.environ.get('PYTHONPATH', '')]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={'metadata': {'path': str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get('outputs', [])]
    pictures = [output for output in outputs if 'image/png' in output.get('data', {})]
    assert len(pictures) == 4  # the domains, the debug figure, the comparison, the prediction
    assert any('mIoU (19 classes)' in output.get('text', '') for output in outputs)
    assert (tmp_path / 'runs' / 'panel.png').is_file()


def test_the_tutorial_is_kept_without_its_outputs():
    assert '"outputs": []' in NOTEBOOK.read_text()
    assert 'image/png' not in NOTEBOOK.read_text()
