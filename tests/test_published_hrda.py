"""Work directories as the published code of HRDA and MIC leaves them: test.sh and the demo read them as they are."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from demo import image_demo
from mmseg.apis import inference_segmentor, init_segmentor, without_pretrained
from mmseg.config.components import check_components
from mmseg.config.load import load_config
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.registry import MODELS
from tests.fabricated import cityscapes, small_config
from tools import test as test_command
from tools import test_work_dir

RUN = '220617_0910_gtaHR2csHR_mic_hrda_s2_ab12c'
NETWORK = {
    'type': 'HRDAEncoderDecoder',
    'scales': [1, 0.5],
    'hr_crop_size': [32, 32],
    'feature_scale': 0.5,
    'crop_coord_divisible': 8,
    'hr_slide_inference': True,
    'test_cfg': {'mode': 'slide', 'batched_slide': True, 'stride': [32, 32], 'crop_size': [64, 64]},
}
HEAD = {
    'type': 'HRDAHead',
    'single_scale_head': 'DAFormerHead',
    'attention_embed_dim': 8,
    'attention_classwise': True,
    'hr_loss_weight': 0.1,
}
MASKS = {
    'mask_mode': 'separatetrgaug',
    'mask_alpha': 'same',
    'mask_pseudo_threshold': 'same',
    'mask_lambda': 1,
    'mask_generator': {'type': 'block', 'mask_ratio': 0.7, 'mask_block_size': 64, '_delete_': True},
}


def published(*, masks: bool) -> dict:
    """A config in the layout of the published runs, with a small network and small test images."""
    config = small_config()
    head = config['model']['decode_head']
    head |= HEAD
    if masks:  # the two programs saved it before and after their networks had been built
        head |= {'scales': [0.5, 1], 'enable_hr_crop': True, 'hr_slide_inference': True}
    config['model'] |= NETWORK
    config['log_config']['img_interval'] = 1000
    uda, train = config['uda'], config['data']['train']
    uda |= {'pseudo_weight_ignore_top': 0, 'pseudo_weight_ignore_bottom': 0, **(MASKS if masks else {})}
    train['target']['crop_pseudo_margins'] = [30, 240, 30, 30]
    train['target']['pipeline'][-1]['keys'] = ['img', 'gt_semantic_seg', 'valid_pseudo_mask']
    return config


@pytest.fixture(scope='module', params=['hrda', 'mic with a teacher of its own'])
def folder(tmp_path_factory, request) -> Path:
    """A folder with ``work_dirs/<RUN>`` and ``data/cityscapes``."""
    root = tmp_path_factory.mktemp('checkout')
    run = root / 'work_dirs' / RUN
    run.mkdir(parents=True)
    path = run / f'{RUN}.json'
    path.write_text(json.dumps(published(masks=request.param != 'hrda')))
    model = MODELS.build(without_pretrained(load_config(path, purpose='test').model))
    prefixes = ['model', 'ema_model', 'imnet_model', *(['mic.teacher.ema_model'] if 'mic' in request.param else [])]
    state = {}
    for seed, prefix in enumerate(prefixes):
        torch.manual_seed(seed)
        model.init_weights()
        torch.nn.init.normal_(model.decode_head.head.conv_seg.weight)
        state |= {f'{prefix}.{name}': value.clone() for name, value in model.state_dict().items()}
    meta = {
        'CLASSES': CITYSCAPES19.classes,
        'PALETTE': [list(colour) for colour in CITYSCAPES19.palette],
        'iter': 40000,
    }
    torch.save({'meta': meta, 'state_dict': state, 'optimizer': {}}, run / 'latest.pth')
    cityscapes(root / 'data' / 'cityscapes', size=(80, 96))
    return root


def test_training_reads_it_with_its_old_spellings(folder, monkeypatch):
    monkeypatch.chdir(folder)
    cfg = load_config(Path('work_dirs', RUN, f'{RUN}.json'))
    check_components(cfg)
    assert cfg.data.train.pseudo_margins == [30, 240, 30, 30]
    assert [term.block_size for term in cfg.uda.get('terms', [])] in ([], [64])


def test_test_sh_and_the_demo_predict_with_the_student_in_windows(folder, monkeypatch):
    monkeypatch.chdir(folder)
    run = Path('work_dirs', RUN)
    assert test_work_dir.main([str(run), '--device', 'cpu']) == 0
    pictures = sorted(run.glob('preds/**/*.png'))
    assert len(pictures) == 2
    files = [str(run / f'{RUN}.json'), str(run / 'latest.pth')]
    model = init_segmentor(*files, device='cpu')
    assert type(model).__name__ == 'HRDAEncoderDecoder'
    assert model.test_cfg.mode == 'slide'
    weights = torch.load(files[1], weights_only=True)['state_dict']
    name = 'decode_head.scale_attention.conv_seg.weight'
    assert torch.equal(model.state_dict()[name], weights[f'model.{name}'])

    image = next(Path('data/cityscapes/leftImg8bit').glob('**/*.png'))
    assert (
        image_demo.main([str(image), *files, '--device', 'cpu', '--out', 'shown.png', '--opacity', '1', '--plain']) == 0
    )
    colours = cv2.imread('shown.png')[..., ::-1]
    expected = np.array(CITYSCAPES19.palette, np.uint8)[inference_segmentor(model, image)[0]]
    np.testing.assert_array_equal(colours, expected)


def test_parts_of_the_prediction_are_written_image_by_image(folder, monkeypatch):
    monkeypatch.chdir(folder)
    run = Path('work_dirs', RUN)
    files = [str(run / f'{RUN}.json'), str(run / 'latest.pth'), '--device', 'cpu']
    assert test_command.main([*files, '--parts-dir', 'parts']) == 0
    for part in ('context', 'detail', 'attention'):
        assert len(list(Path('parts', part).glob('**/*.png'))) == 2
