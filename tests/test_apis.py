import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmseg.apis import inference_segmentor, init_segmentor, show_result
from mmseg.config.load import load_config
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.errors import InputError
from tests.fabricated import RUN, small_config, work_dir


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    return work_dir(tmp_path_factory.mktemp('runs'))


@pytest.fixture(scope='module')
def model(run):
    return init_segmentor(run / f'{RUN}.json', run / 'latest.pth', device='cpu')


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_checkpoint_of_the_original_gives_a_network_ready_to_predict(model, run):
    assert not model.training
    assert CITYSCAPES19.classes == model.CLASSES
    assert CITYSCAPES19.palette == model.PALETTE
    state = torch.load(run / 'latest.pth')['state_dict']
    assert all(value.equal(state[f'model.{name}']) for name, value in model.state_dict().items())


def test_the_teacher_is_another_network_than_the_student(model, run):
    teacher = init_segmentor(run / f'{RUN}.json', run / 'latest.pth', device='cpu', weights='teacher')
    state = torch.load(run / 'latest.pth')['state_dict']
    assert all(value.equal(state[f'ema_model.{name}']) for name, value in teacher.state_dict().items())
    image = picture(48, 96)
    assert (inference_segmentor(teacher, image)[0] != inference_segmentor(model, image)[0]).any()


def test_without_a_checkpoint_classes_come_from_the_test_data_of_the_config(run):
    cfg = load_config(run / f'{RUN}.json', {'data.test.classes': ['road', 'sky']}, purpose='test')
    model = init_segmentor(cfg, device='cpu')
    assert model.CLASSES == ('road', 'sky')
    assert (CITYSCAPES19.palette[0], CITYSCAPES19.palette[10]) == model.PALETTE


def test_a_plain_segmentor_checkpoint_loads_but_has_no_teacher(model, run, tmp_path):
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'plain.pth')
    plain = init_segmentor(run / f'{RUN}.json', tmp_path / 'plain.pth', device='cpu')
    assert inference_segmentor(plain, picture(32, 64))[0].shape == (32, 64)
    with pytest.raises(InputError, match='no teacher'):
        init_segmentor(run / f'{RUN}.json', tmp_path / 'plain.pth', device='cpu', weights='teacher')


def test_checkpoints_that_cannot_be_used_are_refused(run, tmp_path, model):
    config = run / f'{RUN}.json'
    with pytest.raises(InputError, match=r'gone\.pth'):
        init_segmentor(config, tmp_path / 'gone.pth')
    (tmp_path / 'noise.pth').write_bytes(b'no checkpoint at all')
    with pytest.raises(InputError, match=r'noise\.pth is not a checkpoint'):
        init_segmentor(config, tmp_path / 'noise.pth')
    state = model.state_dict()
    state.pop('decode_head.conv_seg.bias')
    torch.save({'state_dict': {**state, 'extra.weight': torch.zeros(1)}}, tmp_path / 'other.pth')
    with pytest.raises(InputError, match=r'(?s)missing: decode_head\.conv_seg\.bias.*unexpected: extra\.weight'):
        init_segmentor(config, tmp_path / 'other.pth')


def test_an_unknown_device_is_refused(run):
    with pytest.raises(InputError, match="Device 'gpu7'"):
        init_segmentor(run / f'{RUN}.json', run / 'latest.pth', device='gpu7')


@pytest.mark.parametrize(
    'size', [(64, 64), (48, 96), (97, 41), (1, 1), (3, 500), (400, 5), (301, 499), (3000, 2), (1, 500)]
)
def test_images_of_any_size_and_aspect_ratio_keep_it(model, size):
    (label_map,) = inference_segmentor(model, picture(*size))
    assert label_map.shape == size
    assert 0 <= label_map.min() <= label_map.max() < 19


def test_files_and_arrays_alone_or_in_a_list_give_the_same_label_maps(model, tmp_path):
    image, file = picture(50, 100), tmp_path / 'a.png'
    cv2.imwrite(str(file), image)
    alone = inference_segmentor(model, image)[0]
    from_list = inference_segmentor(model, [file, str(file), image])
    assert len(from_list) == 3
    assert all(np.array_equal(alone, other) for other in from_list)


def test_a_pipeline_of_a_single_view_works_too(run):
    steps = [{'type': 'LoadImageFromFile'}, {'type': 'Resize', 'img_scale': (128, 64), 'keep_ratio': True}]
    single = init_segmentor(run / f'{RUN}.json', run / 'latest.pth', device='cpu')
    image = picture(48, 96)
    expected = inference_segmentor(single, image)[0]
    inner = single.cfg.data.test.pipeline[1].transforms
    single.cfg.data.test.pipeline = [*steps, *inner[2:]]
    np.testing.assert_array_equal(inference_segmentor(single, image)[0], expected)


def test_unreadable_images_are_refused(model, tmp_path):
    (tmp_path / 'text.png').write_text('hello')
    with pytest.raises(InputError, match=r'text\.png.* cannot be decoded'):
        inference_segmentor(model, tmp_path / 'text.png')
    with pytest.raises(InputError, match=r'gone\.png'):
        inference_segmentor(model, tmp_path / 'gone.png')
    with pytest.raises(InputError, match=r'float64 \(4, 4, 3\)'):
        inference_segmentor(model, np.zeros((4, 4, 3)))


def test_a_result_is_mixed_with_its_image_and_written(tmp_path):
    image = np.full((2, 2, 3), 100, np.uint8)
    shown = show_result(image, np.array([[0, 1], [1, 0]]), [(200, 0, 0), (0, 0, 200)], 0.5, tmp_path / 'new' / 'a.png')
    assert shown[0, 0].tolist() == [50, 50, 150]
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'new' / 'a.png')), shown)


@pytest.mark.skipif('MMSEG_REAL_DATA' not in os.environ, reason='needs MMSEG_REAL_DATA')
@pytest.mark.parametrize('name', ['demo/fda_gta5_source.png', 'demo/daformer_demo.png'])
def test_real_images_of_odd_sizes_are_predicted(model, name):
    file = Path(os.environ['MMSEG_REAL_DATA'], name)
    assert inference_segmentor(model, file)[0].shape == cv2.imread(str(file)).shape[:2]


def test_the_network_that_a_config_evaluates_is_taken_unless_another_is_asked_for(tmp_path):
    config = small_config()
    config['evaluation'] = {**config['evaluation'], 'weights': 'teacher'}
    run = work_dir(tmp_path, config)
    file, checkpoint = run / f'{RUN}.json', run / 'latest.pth'
    state = torch.load(checkpoint, weights_only=True)['state_dict']
    name = 'decode_head.conv_seg.weight'
    teacher, student = (init_segmentor(file, checkpoint, 'cpu', weights=which) for which in (None, 'student'))
    assert torch.equal(teacher.state_dict()[name], state[f'ema_model.{name}'])
    assert torch.equal(student.state_dict()[name], state[f'model.{name}'])
    assert (teacher.origin, student.origin.weights) == (('teacher', 'last (iteration 40000)'), 'student')
    alone = {key.removeprefix('model.'): value for key, value in state.items() if key.startswith('model.')}
    torch.save({'state_dict': alone}, run / 'published.pth')
    assert torch.equal(init_segmentor(file, run / 'published.pth', 'cpu').state_dict()[name], alone[name])
