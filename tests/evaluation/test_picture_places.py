"""Pictures of predictions never take the place of what they are made of."""

import cv2
import numpy as np
import pytest

from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.dataset_wrappers import ConcatDataset
from mmseg.evaluation.picture_places import files_of, refuse_pictures_over_data
from mmseg.places import UnwritableError

LOAD = [{'type': 'LoadImageFromFile'}]


def dataset(folder, **settings):
    """Two images ``img/0.png``, ``img/1.png`` with label maps of the same names in ``ann``."""
    for i in range(2):
        for kind, shape in (('img', (4, 4, 3)), ('ann', (4, 4)), ('ann/road', (4, 4)), ('ann/car', (4, 4))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            value = i if kind != 'ann/car' else 1 - i  # of masks, each is where the other is not
            cv2.imwrite(str(folder / kind / f'{i}.png'), np.full(shape, value, np.uint8))
    places = {'data_root': str(folder), 'img_dir': 'img', 'ann_dir': 'ann', 'img_suffix': '.png', 'test_mode': True}
    return CustomDataset(pipeline=LOAD, classes=('road', 'car'), **places, **settings)


@pytest.mark.parametrize('kind', ['img', 'ann'])
def test_pictures_in_a_folder_of_images_or_label_maps_are_refused(kind, tmp_path):
    data = dataset(tmp_path)
    with pytest.raises(UnwritableError, match=rf'{kind}/0\.png cannot be written \(it is a file that is read here\)'):
        refuse_pictures_over_data([(tmp_path / 'new', data), (tmp_path / kind, data)], [data])


def test_a_link_to_the_folder_makes_no_difference(tmp_path):
    data = dataset(tmp_path)
    (tmp_path / 'link').symlink_to(tmp_path / 'ann')
    with pytest.raises(UnwritableError, match=r'link/0\.png'):
        refuse_pictures_over_data([(tmp_path / 'link', data)], [data])


def test_a_folder_of_earlier_pictures_or_of_other_files_is_none_of_data(tmp_path):
    data = dataset(tmp_path / 'data')
    (tmp_path / 'preds').mkdir()
    (tmp_path / 'preds' / '0.png').write_bytes(b'earlier')
    refuse_pictures_over_data([(tmp_path / 'preds', data), (tmp_path / 'data', data)], [data])


def test_the_files_of_another_set_count_too(tmp_path):
    day, night = dataset(tmp_path / 'day'), dataset(tmp_path / 'night')
    with pytest.raises(UnwritableError, match=r'night/ann/0\.png'):
        refuse_pictures_over_data([(tmp_path / 'night' / 'ann', day)], [day, night])


def test_every_file_of_a_label_map_in_parts_is_one_of_its_files(tmp_path):
    masks = [{'name': name, 'folder': name, 'suffix': '.png'} for name in ('road', 'car')]
    data = ConcatDataset(datasets=[dataset(tmp_path, label_masks=masks)] * 2)
    found = sorted(str(path.relative_to(tmp_path)) for path in files_of(data))
    assert found == [f'{folder}/{i}.png' for folder in ('ann/car', 'ann/road', 'img') for i in range(2)]
