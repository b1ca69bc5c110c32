"""Which files are images and label maps of a data set."""

import os
from pathlib import Path

import numpy as np
import pytest

from mmseg.commands.submit import of_images
from mmseg.config.test_data import images_alone, of_test_set
from mmseg.datasets import files
from mmseg.datasets.files import not_images, search
from mmseg.datasets.uda_dataset import unlabelled
from mmseg.errors import InputError
from mmseg.evaluation.export import PictureNames
from mmseg.places import RESULT_KINDS
from mmseg.prediction.kinds import KINDS
from mmseg.registry import DATASETS
from tests.datasets.samples import own_data, random_labels, train_pipeline, write, write_pairs


def dataset(root, **options):
    return DATASETS.build(own_data(root, **{'pipeline': [], **options}))


def names(made) -> list[str]:
    return [info['filename'] for info in made.img_infos]


@pytest.fixture
def said(monkeypatch):
    texts = []
    for module in (not_images, search):
        monkeypatch.setattr(module, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


def test_names_and_folders_that_begin_with_a_dot_are_no_data(tmp_path):
    write_pairs(tmp_path / '.hidden root', random_labels(2))
    root = tmp_path / '.hidden root'
    for place in ('._000.png', '.ipynb_checkpoints/000-checkpoint.png'):
        for kind in ('images', 'labels'):
            (root / kind / place).parent.mkdir(exist_ok=True)
            (root / kind / place).write_bytes(b'no image')
    assert names(dataset(root)) == ['000.png', '001.png']


def test_suffixes_match_in_any_case_of_images_labels_and_splits(tmp_path):
    write_pairs(tmp_path, random_labels(3))
    (tmp_path / 'images/000.png').rename(tmp_path / 'images/000.PNG')
    (tmp_path / 'labels/001.png').rename(tmp_path / 'labels/001.Png')
    made = dataset(tmp_path)
    assert names(made) == ['000.PNG', '001.png', '002.png']
    assert [made.label_path(i).name for i in range(3)] == ['000.png', '001.Png', '002.png']
    (tmp_path / 'split.txt').write_text('000.png\n001\n002.PNG\n')
    assert names(dataset(tmp_path, split='split.txt')) == ['000.PNG', '001.png', '002.png']


def test_images_may_end_in_several_ways(tmp_path):
    write_pairs(tmp_path, random_labels(2))
    write(tmp_path / 'images/002.jpg', np.zeros((24, 32, 3), np.uint8))
    write(tmp_path / 'labels/002.png', np.zeros((24, 32), np.uint8))
    for suffixes in (['.png', '.jpg'], ('.jpg', '.png')):
        made = dataset(tmp_path, img_suffix=suffixes)
        assert names(made) == ['000.png', '001.png', '002.jpg']
        assert made.label_path(2).name == '002.png'


def test_the_longest_suffix_that_fits_is_taken_off(tmp_path):
    suffixes = files.suffixes_of(['.png', '_rgb.png'], '_id.png')
    assert [suffixes.stem(name) for name in ('a_rgb.png', 'b.PNG', 'c.jpg')] == ['a', 'b', None]


@pytest.mark.parametrize('given', ['.png', ['.png', '_rgb.png'], ''])
def test_names_are_cut_by_the_folder_as_one_by_one(given):
    suffixes = files.suffixes_of(given, '_id.png')
    names = ['a.png', 'b.PNG', 'c_rgb.png', 'd_RGB.png', 'e.jpg', '.png', 'f.png.png']
    assert list(suffixes.stems(names)) == [suffixes.stem(name) for name in names]


@pytest.mark.parametrize('options', [{'img_suffix': 3}, {'img_suffix': []}, {'seg_map_suffix': ['.png']}])
def test_a_suffix_that_is_no_text_is_refused(tmp_path, options):
    with pytest.raises(InputError, match='suffix'):
        dataset(write_pairs(tmp_path, random_labels(1)), **options)


def test_images_of_another_kind_that_are_left_out_are_counted(tmp_path, said):
    write_pairs(tmp_path, random_labels(3))
    for name in ('a.JPG', 'b.jpg', 'notes.txt'):
        (tmp_path / 'images' / name).write_bytes(b'')
    dataset(tmp_path)
    assert len(said) == 1
    assert said[0].startswith('2 of 5 images in ')
    assert 'end in .JPG, .jpg and are left out: img_suffix is .png' in said[0]


def test_what_a_split_or_a_longer_suffix_leaves_out_is_meant(tmp_path, said):
    write_pairs(tmp_path, random_labels(3))
    (tmp_path / 'images/a.jpg').write_bytes(b'')
    (tmp_path / 'split.txt').write_text('001\n')
    dataset(tmp_path, split='split.txt')
    write(tmp_path / 'frames/x_left.png', np.zeros((2, 2, 3), np.uint8))
    write(tmp_path / 'frames/x_right.png', np.zeros((2, 2, 3), np.uint8))
    assert names(dataset(tmp_path, img_dir='frames', ann_dir=None, img_suffix='_left.png')) == ['x_left.png']
    assert said == []


def test_pictures_of_predictions_among_the_images_are_no_data_and_are_named(tmp_path, said):
    write_pairs(tmp_path, random_labels(2))
    (tmp_path / 'images/000_pred.png').write_bytes(b'')
    assert names(dataset(tmp_path)) == names(dataset(tmp_path, ann_dir=None)) == ['000.png', '001.png']
    assert len(said) == 2
    assert '1 pictures of predictions' in said[0]
    assert '000_pred.png' in said[0]


def test_an_image_called_like_a_picture_of_a_prediction_is_data_without_the_one_it_would_be_of(tmp_path, said):
    write_pairs(tmp_path, random_labels(2))
    for kind in ('images', 'labels'):
        (tmp_path / kind / '000.png').rename(tmp_path / kind / '000_pred.png')
    assert names(dataset(tmp_path)) == ['000_pred.png', '001.png']
    assert not said


def test_an_image_in_capitals_is_no_prediction_of_itself(tmp_path):
    names = ['a.png', 'a_pred.PNG', 'b_PRED.png', 'c_pred.png', 'c_pred.txt']
    assert files.predictions_among(names, tmp_path) == {'a_pred.PNG'}


def test_folders_of_results_among_the_images_are_no_data_and_others_of_such_a_name_are(tmp_path, said):
    write_pairs(tmp_path, random_labels(2))
    for name in ('images/out/overlay/deep/000.png', 'images/out/b.png', 'images/color/c.png'):
        write(tmp_path / name, np.zeros((2, 2, 3), np.uint8))
    (tmp_path / 'images/out/predictions.json').write_text('{}')
    found = names(dataset(tmp_path, ann_dir=None))
    assert found == ['000.png', '001.png', 'color/c.png', 'out/b.png']
    assert '1 pictures of predictions' in said[0]
    assert names(dataset(tmp_path, img_dir='images/out/overlay', ann_dir=None)) == ['deep/000.png']


def test_the_kinds_of_results_are_those_that_predictions_are_saved_as():
    assert set(RESULT_KINDS) == set(KINDS)


def test_pipes_among_the_files_are_no_data(tmp_path):
    write_pairs(tmp_path, random_labels(2))
    os.mkfifo(tmp_path / 'images/pipe.png')
    os.mkfifo(tmp_path / 'labels/pipe.png')
    assert names(dataset(tmp_path)) == ['000.png', '001.png']


def beside(root, ends=('_lab.png',)):
    """``root/x/<i>.png`` with label maps of the same folder, and one image of such a name that is no label map."""
    for name in ('0', '1'):
        write(root / f'x/{name}.png', np.zeros((24, 32, 3), np.uint8))
        for end in ends:
            write(root / f'x/{name}{end}', np.zeros((24, 32), np.uint8))
    return {'img_dir': 'x', 'ann_dir': 'x', 'seg_map_suffix': ends[0]}


def test_label_maps_beside_images_are_none_of_them_with_labels_and_without(tmp_path, said):
    described = own_data(tmp_path, pipeline=[], **beside(tmp_path))
    write(tmp_path / 'x/alone_lab.PNG', np.zeros((24, 32, 3), np.uint8))
    forms = [unlabelled(described, None), images_alone(described), of_images(described, tmp_path / 'x')]
    for form in forms:
        assert names(DATASETS.build(form)) == ['0.png', '1.png', 'alone_lab.PNG']
    assert len(said) == len(forms)
    assert '2 label maps among the images' in said[0]
    assert "such as 0_lab.png, are left out: each ends in '_lab.png'" in said[0]
    (tmp_path / 'x/alone_lab.PNG').unlink()
    assert names(DATASETS.build(described)) == ['0.png', '1.png']
    (tmp_path / 'y').symlink_to('x')
    assert names(DATASETS.build(described | {'ann_dir': './y/'})) == ['0.png', '1.png']


def test_masks_of_every_class_beside_images_are_none_of_them(tmp_path):
    described = own_data(tmp_path, pipeline=[], **beside(tmp_path, ('_a.png', '_b.png')))
    described['label_masks'] = [{'name': f'class {i}', 'suffix': end} for i, end in enumerate(('_a.png', '_b.png'))]
    assert names(DATASETS.build(described)) == names(DATASETS.build(unlabelled(described, None))) == ['0.png', '1.png']


def test_images_that_end_as_label_maps_do_are_images_without_labels(tmp_path, said):
    for name in ('0.png', '0_left.png', '0.jpg'):
        write(tmp_path / 'x' / name, np.zeros((24, 32, 3), np.uint8))
    for img, seg_map in ((['.jpg', '.png'], '.png'), ('.png', '.png'), ('.png', '')):
        made = dataset(tmp_path, img_dir='x', ann_dir=None, img_suffix=img, seg_map_suffix=seg_map)
        assert {'0.png', '0_left.png'} <= set(names(made))
    assert not any('label maps' in text for text in said)


def test_one_folder_of_images_that_end_as_label_maps_do_is_told_so(tmp_path):
    write_pairs(tmp_path, random_labels(2))
    with pytest.raises(
        InputError, match=r"holds no file that ends in '\.png' and not in '\.png', as the label maps in it"
    ):
        dataset(tmp_path, ann_dir='images')


def test_label_maps_below_the_images_that_would_be_taken_for_some_are_refused(tmp_path):
    write(tmp_path / 'x/0.png', np.zeros((24, 32, 3), np.uint8))
    write(tmp_path / 'x/labels/0.png', np.zeros((24, 32), np.uint8))
    described = own_data(tmp_path, pipeline=[], img_dir='x', ann_dir='x/labels')
    with pytest.raises(InputError, match=r"label maps in '.*x/labels' lie below the images in '.*x' and end like them"):
        unlabelled(described, None)
    write(tmp_path / 'x/0.jpg', np.zeros((24, 32, 3), np.uint8))
    assert names(DATASETS.build(unlabelled(described | {'img_suffix': '.jpg'}, None))) == ['0.jpg']


@pytest.mark.parametrize(
    ('folders', 'shared', 'ways'),
    [
        (['x/a', 'x/b'], 'x', ['a', 'b']),
        (['a', 'b'], '.', ['a', 'b']),
        (['/x/a', '/x/b/c'], '/x', ['a', 'b/c']),
        (['/here/x/a', 'x/b'], '/here/x', ['a', 'b']),
        (['../a', 'b'], '/', ['a', 'here/b']),
        (['../a', '../../here/b'], '/', ['a', 'here/b']),
        (['/x/../here/a', 'b'], '/here', ['a', 'b']),
    ],
)
def test_folders_share_one_from_which_no_way_goes_up(monkeypatch, folders, shared, ways):
    monkeypatch.setattr(os, 'getcwd', lambda: '/here')
    found = files.shared_folder(folders)
    assert found.as_posix() == shared
    assert [files.inside(folder, found).as_posix() for folder in folders] == ways


def test_images_and_labels_may_lie_in_absolute_and_relative_folders(tmp_path, monkeypatch):
    for name in ('a', 'b'):
        write_pairs(tmp_path / name, random_labels(2))
    monkeypatch.chdir(tmp_path)
    places = {'img_dir': [str(tmp_path / 'a/images'), 'b/images'], 'ann_dir': [str(tmp_path / 'a/labels'), 'b/labels']}
    made = dataset(None, **places | {'data_root': None, 'pipeline': train_pipeline()})
    assert made.class_counts(tmp_path / 'index').shape == (4, 3)
    name_of = PictureNames(made.img_infos)
    pictures = [name_of(made.image_path(index)).as_posix() for index in range(4)]
    assert pictures == ['a/images/000.png', 'a/images/001.png', 'b/images/000.png', 'b/images/001.png']


def test_a_home_in_front_of_folders_and_files_of_data_is_written_out(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    write_pairs(tmp_path / 'data', random_labels(3))
    write_pairs(tmp_path / '~tilde', random_labels(1))  # a folder of that name, for all one knows
    (tmp_path / 'list.txt').write_text('001\n')
    (tmp_path / 'names.txt').write_text('a\nb\nc\n')
    (tmp_path / 'colours.csv').write_text('id,name,r,g,b\n0,a,0,0,0\n1,b,1,1,1\n2,c,2,2,2\n')
    assert names(dataset('~/data', split='~/list.txt')) == ['001.png']
    places = {'img_dir': ('~/data/images', '~tilde/images'), 'ann_dir': ('~/data/labels', '~tilde/labels')}
    made = DATASETS.build(own_data(tmp_path) | places | {'classes': '~/names.txt'})
    assert names(made) == ['000.png', '001.png', '002.png', '000.png']
    assert made.CLASSES == ('a', 'b', 'c')
    coloured = own_data(Path('~/data'), label_colors='~/colours.csv')
    del coloured['classes']
    assert DATASETS.build(coloured).CLASSES == ('a', 'b', 'c')
    (tmp_path / 'data/labels/test').mkdir()
    validation = {'data_root': '~/data', 'img_dir': 'images/val', 'ann_dir': 'labels/val'}
    assert of_test_set(validation, labels=True)['ann_dir'] == 'labels/test'


def test_pictures_of_images_in_folders_above_stay_below_the_folder_of_pictures():
    infos = [{'img_dir': '../a', 'filename': 'x.jpg'}, {'img_dir': 'b', 'filename': 'x.jpg'}]
    name_of = PictureNames(infos)
    assert all('..' not in name_of(f'{info["img_dir"]}/{info["filename"]}').parts for info in infos)
