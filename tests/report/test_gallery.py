import base64

import cv2
import numpy as np

from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.evaluation.export import colorize
from mmseg.report.gallery import build_gallery, data_uri, most_varied
from mmseg.report.runs import Experiment, read_run
from tests.fabricated import cityscapes, small_config, work_dir


def picture_of(uri: str) -> np.ndarray:
    encoded = np.frombuffer(base64.b64decode(uri.split(',')[1]), np.uint8)
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]


def test_pictures_are_made_smaller_and_label_maps_keep_their_colours():
    labels = np.random.default_rng(0).integers(0, 19, (64, 128))
    colours = colorize(labels, CITYSCAPES19.palette)
    assert (picture_of(data_uri(colours, exact=True)) == colours).all()
    small = picture_of(data_uri(colours, exact=True, width=32))
    assert small.shape == (16, 32, 3)
    assert {tuple(pixel) for pixel in small.reshape(-1, 3)} <= set(CITYSCAPES19.palette)


def test_predictions_are_computed_from_the_checkpoint_on_request(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cityscapes(tmp_path / 'data' / 'cityscapes')
    one = Experiment('one', [read_run(work_dir(tmp_path, small_config()))])
    without = build_gallery([one], count=1)
    assert without.scenes == []
    assert 'sh test.sh' in without.notes[0]
    (scene,) = build_gallery([one], count=1, predict=True).scenes
    assert [layer.title for layer in scene.layers] == ['image', 'ground truth', 'one']
    assert picture_of(scene.layers[2].uri).shape == (48, 96, 3)


def test_of_several_sets_each_has_its_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cityscapes(tmp_path / 'data' / 'cityscapes')
    config = small_config()
    plain = config['data']['test']
    config['data']['test'] = {'day': plain, 'night': {**plain, 'data_root': 'gone'}, 'rain': plain}
    one = Experiment('one', [read_run(work_dir(tmp_path, config))])
    gallery = build_gallery([one], count=1, predict=True)
    assert [scene.name.split(': ')[0] for scene in gallery.scenes] == ['day', 'rain']
    assert [note.split(' cannot be read')[0].split(', ')[-1] for note in gallery.notes] == ['night']


def test_of_each_part_of_a_data_set_the_image_with_the_most_classes_is_shown():
    class Labels:
        labelled = True
        counts = (2, 3, 3, 1, 4, 1)  # the first three are frames of one scene

        def __len__(self) -> int:
            return len(self.counts)

        def label_of(self, index: int) -> np.ndarray:
            return np.arange(self.counts[index])

    assert most_varied(Labels(), 2) == [4, 1]
    assert most_varied(Labels(), 10) == [4, 1, 2, 0, 3, 5]
    assert most_varied(Labels(), 0) == []
