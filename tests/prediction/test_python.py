import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmseg.apis import inference_segmentor, init_segmentor, predict
from mmseg.errors import InputError
from tests.fabricated import RUN, work_dir


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    run = work_dir(tmp_path_factory.mktemp('runs'))
    return init_segmentor(run / f'{RUN}.json', run / 'latest.pth', device='cpu')


@pytest.fixture(scope='module')
def bgr():
    return np.random.default_rng(0).integers(0, 256, (40, 70, 3)).astype(np.uint8)


def test_paths_arrays_pil_images_and_tensors_of_one_image_are_one_prediction(model, bgr, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), bgr)
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)
    expected = inference_segmentor(model, bgr)[0]
    for image in (tmp_path / 'a.png', str(tmp_path / 'a.png'), rgb, Image.fromarray(rgb), tensor, tensor / 255):
        np.testing.assert_array_equal(predict(model, image).label_map, expected)
    np.testing.assert_array_equal(predict(model, bgr, channel_order='bgr').label_map, expected)


def test_grey_images_are_repeated_and_a_fourth_channel_covers_nothing(model, bgr):
    grey = bgr[..., 0]
    three = predict(model, np.repeat(grey[..., None], 3, axis=2)).label_map
    np.testing.assert_array_equal(predict(model, grey).label_map, three)
    covered = np.dstack([bgr, np.zeros_like(grey)])
    np.testing.assert_array_equal(
        predict(model, covered, channel_order='bgr').label_map, predict(model, bgr, channel_order='bgr').label_map
    )


def test_several_images_are_a_list_whatever_holds_them(model, bgr):
    two = np.stack([bgr, bgr[::-1]])
    expected = [predict(model, image).label_map for image in two]
    for images in (two, list(two), torch.from_numpy(two).permute(0, 3, 1, 2)):
        found = predict(model, images, batch=2)
        assert len(found) == 2
        assert all(np.array_equal(one.label_map, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize('options', [{}, {'tile': 32, 'overlap': 8, 'batch': 2}])
def test_probabilities_confidence_and_picture_belong_together(model, bgr, options):
    found = predict(model, bgr, return_probs=True, **options)
    assert found.probs.shape == (19, 40, 70)
    np.testing.assert_allclose(found.confidence, found.probs.max(axis=0), atol=1e-6)
    assert found.picture(1).tolist() == np.array(model.PALETTE, np.uint8)[found.label_map].tolist()
    shown = cv2.imdecode(np.frombuffer(found._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown[..., ::-1], found.picture())
    assert predict(model, bgr, **options).probs is None


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (7, 'not int'),
        (np.zeros((4, 4, 3)), 'float64'),
        (torch.full((3, 4, 4), 2.0), r'0\.\.1'),
        (torch.zeros(4), r'\(C, H, W\)'),
        (np.zeros((0, 4, 3), np.uint8), r'\(0, 4, 3\)'),
    ],
)
def test_what_is_no_image_is_told(model, image, message):
    with pytest.raises(InputError, match=message):
        predict(model, image)
