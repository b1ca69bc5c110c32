import warnings
from pathlib import Path

import numpy as np
import pytest

from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.datasets.tiff import read_tiff
from mmseg.errors import InputError
from mmseg.prediction.rasters import opened
from mmseg.prediction.sinks import TiffSink
from mmseg.prediction.sources import find_sources


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b'x')
    return folder


def names(wanted, **options) -> list[str]:
    return [source.name.as_posix() for source in find_sources(wanted, **options)]


def test_a_folder_keeps_its_tree_and_leaves_out_hidden_and_other_files(tmp_path):
    made(tmp_path, 'b/c.JPG', 'a.png', '.a.png', '.thumbs/x.png', 'notes.md', 'ride.MP4')
    assert names([tmp_path]) == ['a', 'b/c', 'ride']
    assert [source.is_video for source in find_sources([tmp_path])] == [False, False, True]


def test_files_that_would_get_one_name_keep_their_suffix_and_then_their_folder(tmp_path):
    made(tmp_path, 'a.jpg', 'a.png', 'c.png', 'A.JPG')
    found = dict(zip([s.path.name for s in find_sources([tmp_path])], names([tmp_path]), strict=True))
    assert found['c.png'] == 'c'
    assert found['a.png'] == 'a.png'
    assert len({name.casefold() for name in found.values()}) == 4  # a.jpg and A.JPG too, for file systems that fold
    assert sorted(found.values())[:2] == ['A.JPG', 'a.jpg_2']  # one folder: its name would tell nothing
    made(tmp_path, 'x/1.png', 'y/1.png')
    assert names([tmp_path / 'x', tmp_path / 'y']) == ['x/1.png', 'y/1.png']


def test_globs_lists_and_single_files_go_together_each_file_once(tmp_path, monkeypatch):
    made(tmp_path, 'in/a.png', 'in/deep/b.png', 'in/c.txt', 'list/d.png')
    (tmp_path / 'list' / 'all.txt').write_text('d.png\n\nin/a.png\n')
    monkeypatch.chdir(tmp_path)
    assert names(['in/**/*.png', 'list/all.txt', 'in/a.png']) == ['a', 'deep/b', 'd']


def test_results_of_an_earlier_prediction_are_not_predicted(tmp_path):
    made(tmp_path, 'a.png', 'out/overlay/a.png', 'out/b.png', 'list.txt')
    results = [tmp_path / 'out/overlay', tmp_path / 'out/ids']
    assert names([tmp_path], skip_below=results) == ['a', 'out/b']
    with pytest.raises(InputError, match=r'nothing to predict in .* but results of earlier predictions \(.*a\.png\)'):
        find_sources([tmp_path / 'out/overlay'], skip_below=results)


def test_a_file_that_is_named_itself_is_predicted_wherever_it_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made(tmp_path, 'out/overlay/a.png', 'out/overlay/b.png')
    (tmp_path / 'list.txt').write_text('out/overlay/b.png\n')
    below = [Path('out/overlay')]
    assert names(['out/overlay/a.png', 'out'], skip_below=below) == ['a']
    assert names(['out/overlay/a.png'], skip_below=below) == ['a']
    assert names(['list.txt', 'out/overlay/a.png'], skip_below=below) == ['out/overlay/b', 'a']


def test_pictures_that_the_demo_has_left_in_a_folder_are_not_predicted(tmp_path):
    made(tmp_path, 'a.jpg', 'a_pred.png', 'deep/b.png', 'deep/b_pred.png', 'c_pred.png')
    assert names([tmp_path]) == ['a', 'c_pred', 'deep/b']
    assert names([tmp_path / 'a_pred.png']) == ['a_pred']


def test_folders_of_results_in_a_folder_are_not_predicted_again(tmp_path):
    made(tmp_path, 'a.png', 'out/overlay/a.png', 'out/predictions.json', 'color/b.png')
    assert names([tmp_path]) == ['a', 'color/b']
    assert names([tmp_path / 'out/overlay']) == ['a']


def test_links_to_folders_are_followed_and_a_list_may_begin_with_a_byte_order_mark(tmp_path):
    made(tmp_path / 'elsewhere', 'deep/a.png')
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in/link').symlink_to(tmp_path / 'elsewhere', target_is_directory=True)
    assert names([tmp_path / 'in']) == ['link/deep/a']
    (tmp_path / 'list.txt').write_text('\ufeffelsewhere/deep/a.png\n', encoding='utf-8')
    assert names([tmp_path / 'list.txt']) == ['elsewhere/deep/a']


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [('gone.png', 'does not exist'), ('empty', 'holds no images'), ('*.bmp', 'does not exist'), ('l.txt', 'line 2')],
)
def test_what_is_not_there_is_named(wanted, message, tmp_path, monkeypatch):
    (tmp_path / 'empty').mkdir()
    made(tmp_path, 'a.png')
    (tmp_path / 'l.txt').write_text('a.png\nb.png\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        find_sources([wanted])


def test_plain_tiffs_are_read_and_written_without_a_warning_that_they_lie_nowhere(tmp_path):
    rasterio = pytest.importorskip('rasterio')
    kind = {'driver': 'GTiff', 'tiled': True, 'blockxsize': 16, 'blockysize': 16}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', rasterio.errors.NotGeoreferencedWarning)
        for name, count in (('three', 3), ('five', 5)):
            file = tmp_path / f'{name}.tif'
            with rasterio.open(file, 'w', height=32, width=32, count=count, dtype='uint8', **kind) as written:
                written.write(np.ones((count, 32, 32), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert read_tiff(tmp_path / 'five.tif', 5).shape == (32, 32, 5)
        with opened(tmp_path / 'three.tif', LoadImageFromFile(), windowed=True) as raster:
            assert raster.read(slice(0, 4), slice(0, 4)).shape == (4, 4, 3)
            sink = TiffSink(tmp_path / 'ids.tif', (32, 32), raster.place)
        sink.add(slice(0, 32), slice(0, 32), np.ones((32, 32), np.uint8))
        sink.close()
    assert (tmp_path / 'ids.tif').is_file()
