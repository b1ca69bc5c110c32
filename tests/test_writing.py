"""A disk that is full, in the form in which a test can have one: a limit on the size of files."""

import contextlib
import errno
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmseg import writing
from mmseg.engine.checkpoints.checkpoint_io import point_latest_to, save_atomically
from mmseg.engine.trackers import TensorboardBackend
from mmseg.engine.train import train
from mmseg.errors import InputError, command
from mmseg.evaluation.export import write_png
from mmseg.places import UnwritableError
from mmseg.prediction.sinks import TiffSink, VideoSink
from mmseg.report.figures import new_figure, save
from mmseg.writing import (
    DiskFullError,
    append_text,
    naming_full_disk,
    refuse_lost,
    replacing_folder,
    write_bytes,
    write_text,
)
from tests.engine.tiny import tiny_config

resource = pytest.importorskip('resource')
LIMIT = 20_000
NOISE = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)


@contextlib.contextmanager
def files_up_to(size):
    """No file may grow beyond ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def figure_to(path):
    figure = new_figure(4, 4)
    figure.figimage(NOISE)
    save(figure, path)


WRITERS = {
    'state.pth': lambda path: save_atomically({'weight': torch.zeros(LIMIT)}, path),
    'picture.png': lambda path: write_png(path, NOISE),
    'figure.png': figure_to,
    'page.html': lambda path: write_text(path, 'x' * 2 * LIMIT),
    'index.json': lambda path: write_bytes(path, bytes(2 * LIMIT)),
    'run.log.json': lambda path: append_text(path, 'x' * 2 * LIMIT),
}


@pytest.mark.parametrize('name', WRITERS)
def test_a_file_without_room_is_one_sentence_and_the_old_one_is_whole(tmp_path, name):
    path = tmp_path / name
    path.write_text('old')
    with files_up_to(LIMIT), pytest.raises(DiskFullError, match=rf'{name} cannot be written: .*limit'):
        WRITERS[name](path)
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == [name]


def test_a_copy_of_a_checkpoint_without_room_leaves_the_latest_one(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, 'no links here')

    monkeypatch.setattr(os, 'link', refuse)
    (tmp_path / 'latest.pth').write_text('old')
    save_atomically({'weight': torch.zeros(LIMIT)}, tmp_path / 'iter_2.pth')
    with files_up_to(LIMIT), pytest.raises(DiskFullError, match=r'latest\.pth'):
        point_latest_to(tmp_path / 'iter_2.pth')
    assert (tmp_path / 'latest.pth').read_text() == 'old'
    assert sorted(os.listdir(tmp_path)) == ['iter_2.pth', 'latest.pth']


def test_the_sentence_has_the_path_and_the_missing_space(tmp_path, monkeypatch):
    monkeypatch.setattr(writing.shutil, 'disk_usage', lambda folder: SimpleNamespace(free=2_000_000))

    def save():
        try:
            raise OSError(errno.ENOSPC, 'No space left on device')
        except OSError:
            raise RuntimeError('enforce fail at inline_container.cc') from None  # what torch makes of it

    with pytest.raises(DiskFullError) as full, naming_full_disk(tmp_path / 'a.pth', needed=7_500_000):
        save()
    text = str(full.value)
    assert text.startswith(f'{tmp_path / "a.pth"} cannot be written: the disk is full')
    assert '7.5 MB, 2.0 MB are free, 5.5 MB are missing' in text


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), naming_full_disk(tmp_path):
        raise PermissionError(errno.EACCES, 'not allowed')


def test_a_checkpoint_without_room_ends_the_run_which_goes_on_when_there_is_some(tmp_path):
    cfg = {'checkpoint_config__interval': 1, 'evaluation': None, 'model__width': 64}
    train(tiny_config(tmp_path / 'run', runner__max_iters=1, **cfg))
    with files_up_to(LIMIT), pytest.raises(DiskFullError, match=r'iter_2\.pth cannot be written'):
        train(tiny_config(tmp_path / 'run', runner__max_iters=3, **cfg), resume=tmp_path / 'run')
    assert not [name for name in os.listdir(tmp_path / 'run') if name.endswith('.tmp')]
    work_dir = train(tiny_config(tmp_path / 'run', runner__max_iters=3, **cfg), resume=tmp_path / 'run')
    assert torch.load(work_dir / 'latest.pth', weights_only=True)['meta']['iter'] == 3


def test_a_log_without_room_ends_the_run_without_a_traceback(tmp_path, capfd):
    with files_up_to(2_000), pytest.raises(DiskFullError, match=r'\.log cannot be written'):
        train(tiny_config(tmp_path / 'run', log_config__interval=1, evaluation=None))
    assert 'Traceback' not in ''.join(capfd.readouterr())


def test_curves_without_room_end_the_run_without_a_traceback(tmp_path, capfd):
    pytest.importorskip('tensorboard')
    backend = TensorboardBackend(str(tmp_path / 'tf_logs'))
    backend.add_scalars({'loss': 1.0}, step=0)

    def log():
        for step in range(1000):
            backend.add_scalars({'loss': 1.0}, step=step)
        backend.close()

    with files_up_to(2_000), pytest.raises(DiskFullError, match='tf_logs cannot be written'):
        log()
    with contextlib.suppress(DiskFullError):
        backend.close()
    assert 'Traceback' not in ''.join(capfd.readouterr())


def test_a_command_says_it_in_one_sentence_wherever_it_comes_from(capsys):
    @command
    def main():
        try:
            raise OSError(errno.ENOSPC, 'No space left on device', 'figure.png')
        except OSError:
            raise RuntimeError('hidden') from None

    assert main() == 2
    assert capsys.readouterr().err == 'error: figure.png cannot be used: No space left on device.\n'


def test_texts_and_names_that_are_no_utf_8_are_written_as_their_bytes(tmp_path):
    write_text(tmp_path / os.fsdecode(b'caf\xe9.txt'), 'x' + os.fsdecode(b'\xe9'))
    assert next(iter(tmp_path.iterdir())).read_bytes() == b'x\xe9'


def test_a_folder_takes_the_place_of_what_a_link_leads_to(tmp_path, monkeypatch):
    (tmp_path / 'big' / 'pair').mkdir(parents=True)
    (tmp_path / 'big' / 'pair' / 'old').touch()
    (tmp_path / 'link').symlink_to('big/pair')
    monkeypatch.chdir(tmp_path)
    with replacing_folder(Path('link')) as begun:
        (begun / 'new').touch()
    assert (tmp_path / 'link').is_symlink()
    assert [path.name for path in (tmp_path / 'big' / 'pair').iterdir()] == ['new']
    assert [path.name for path in (tmp_path / 'big').iterdir()] == ['pair']


def test_a_folder_that_cannot_be_replaced_is_told_before_it_is_written(tmp_path, monkeypatch):
    (tmp_path / 'here').mkdir()
    (tmp_path / 'mounted').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    monkeypatch.setattr(os.path, 'ismount', lambda path: Path(path).name == 'mounted')
    for place, said in (
        ('.', 'called from within it'),
        ('..', 'called from within it'),
        ('../mounted', 'a mount point'),
    ):
        with pytest.raises(UnwritableError, match=said), replacing_folder(Path(place)):
            pytest.fail('begun')


def tiff_to(path):
    pytest.importorskip('rasterio')
    sink = TiffSink(path, (512, 512), {})
    try:
        for row in (0, 256):
            noise = np.random.default_rng(row).integers(0, 256, (256, 512)).astype(np.uint8)
            sink.add(slice(row, row + 256), slice(0, 512), noise)
        sink.close()
    except BaseException:
        sink.discard()
        raise


def video_to(path):
    sink = VideoSink(path, 25)
    try:
        for frame in range(8):
            noise = np.random.default_rng(frame).integers(0, 256, (200, 200, 3)).astype(np.uint8)
            sink.add(slice(0, 200), slice(0, 200), noise)
        sink.close()
    except BaseException:
        sink.discard()
        raise


@pytest.mark.parametrize('room', [LIMIT, 100_000])
@pytest.mark.parametrize(('name', 'write'), [('ids.tif', tiff_to), ('ride.mp4', video_to)])
def test_a_prediction_that_a_library_writes_without_room_is_the_same_sentence(tmp_path, name, write, room):
    path = tmp_path / name
    path.write_text('old')
    with files_up_to(room), pytest.raises(DiskFullError, match=rf'{name} cannot be written: .*limit'):
        write(path)
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == [name]
    write(path)
    assert path.stat().st_size > room


def test_what_a_library_cannot_write_for_another_reason_is_told_as_it_says(tmp_path):
    (tmp_path / 'x.tmp').write_bytes(b'begun')
    with pytest.raises(InputError, match=r'x\.tif cannot be written: no such codec\.') as error:
        refuse_lost(tmp_path / 'x.tif', tmp_path / 'x.tmp', 'no such codec')
    assert not isinstance(error.value, DiskFullError)
    assert (tmp_path / 'x.tmp').read_bytes() == b'begun'
