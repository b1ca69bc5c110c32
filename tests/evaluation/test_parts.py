"""Parts of HRDA's prediction as pictures, from a config and a checkpoint in the published layout."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmseg.apis import init_segmentor, without_pretrained
from mmseg.config.load import load_config
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.evaluation.export import colorize
from mmseg.registry import MODELS
from tests.fabricated import cityscapes, small_config, work_dir
from tools import test as test_command

NAME = 'frankfurt/frankfurt_{:06}_000019_leftImg8bit.png'


def published_config() -> dict:
    """HRDA in the keys of the published runs, with a small network; test images of 128x64, windows of 64x64."""
    config = small_config()
    model = config['model']
    model['type'] = 'HRDAEncoderDecoder'
    model['decode_head'] |= {
        'type': 'HRDAHead',
        'single_scale_head': 'DAFormerHead',
        'attention_embed_dim': 16,
        'attention_classwise': True,
        'hr_loss_weight': 0.1,
        'scales': [0.5, 1],
        'enable_hr_crop': True,
        'hr_slide_inference': True,
    }
    model |= {'scales': [1, 0.5], 'hr_crop_size': [32, 32], 'feature_scale': 0.5, 'crop_coord_divisible': 8}
    model['hr_slide_inference'] = True
    model['test_cfg'] = {'mode': 'slide', 'batched_slide': True, 'crop_size': [64, 64], 'stride': [32, 32]}
    config['data']['train']['target']['crop_pseudo_margins'] = [30, 240, 30, 30]
    config['log_config']['img_interval'] = 1000
    return config


@pytest.fixture(scope='module')
def files(tmp_path_factory) -> list[str]:
    """Config and checkpoint of a run, whose data lie beside them."""
    folder = tmp_path_factory.mktemp('published')
    config = published_config()
    cityscapes(folder / 'cityscapes')
    config['data']['test']['data_root'] = str(folder / 'cityscapes')
    path = folder / 'hrda.json'
    path.write_text(json.dumps(config))
    model = MODELS.build(without_pretrained(load_config(path, purpose='test').model))
    state = {}
    for seed, prefix in enumerate(('model', 'ema_model', 'imnet_model')):
        torch.manual_seed(seed)
        model.init_weights()
        for network in (model.decode_head.head, model.decode_head.scale_attention):
            torch.nn.init.normal_(network.conv_seg.weight)
        state |= {f'{prefix}.{name}': value.clone() for name, value in model.state_dict().items()}
    meta = {'CLASSES': CITYSCAPES19.classes, 'PALETTE': [list(colour) for colour in CITYSCAPES19.palette]}
    torch.save({'meta': meta, 'state_dict': state}, folder / 'latest.pth')
    return [str(path), str(folder / 'latest.pth'), '--device', 'cpu']


def test_context_detail_and_attention_are_written_and_both_scales_get_their_scores(files, tmp_path, capsys):
    assert test_command.main([*files, '--parts-dir', str(tmp_path / 'parts'), '--opacity', '1']) == 0
    header = next(line for line in capsys.readouterr().out.splitlines() if line.startswith('class'))
    assert header.replace('|', ' ').split() == ['class', 'fused', 'context', 'detail']
    pictures = {part: tmp_path / 'parts' / part / NAME.format(1) for part in ('context', 'detail', 'attention')}
    model = init_segmentor(*files[:2], device='cpu')
    loaded = cv2.imread(str(Path(files[0]).parent / 'cityscapes/leftImg8bit/val' / NAME.format(1)))
    resized = cv2.resize(loaded, (128, 64), interpolation=cv2.INTER_LINEAR)[..., ::-1].astype(np.float32)
    norm = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
    img = torch.from_numpy((resized - norm['mean']) / norm['std']).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        attention = torch.nn.functional.interpolate(model.test_part(img, 'attention'), (48, 96), mode='bilinear')
        grey = cv2.imread(str(pictures['attention']), cv2.IMREAD_UNCHANGED)
        assert np.abs(grey - attention[0, 0].numpy() * 255).max() <= 1
        assert np.ptp(grey) > 50  # it is not the same everywhere
        for part in ('context', 'detail'):
            logits = torch.nn.functional.interpolate(model.test_part(img, part), (48, 96), mode='bilinear')
            colours = colorize(logits[0].argmax(0), CITYSCAPES19.palette)
            shown = cv2.imread(str(pictures[part]))[..., ::-1]
            assert (shown == colours).all(axis=-1).mean() > 0.99
    assert not np.array_equal(*(cv2.imread(str(pictures[part])) for part in ('context', 'detail')))


def test_parts_of_a_network_without_parts_or_of_many_views_are_refused(files, tmp_path, capsys):
    assert test_command.main([*files, '--parts-dir', str(tmp_path / 'x'), '--aug-test']) == 2
    assert '--parts-dir shows single views' in capsys.readouterr().err
    run = work_dir(tmp_path / 'plain')
    plain = [str(run / f'{run.name}.json'), str(run / 'latest.pth'), '--device', 'cpu']
    root = f'data.test.data_root={Path(files[0]).parent / "cityscapes"}'
    assert test_command.main([*plain, '--cfg-options', root, '--parts-dir', str(tmp_path / 'x')]) == 2
    assert 'EncoderDecoder predicts in one piece' in capsys.readouterr().err
    assert not (tmp_path / 'x').exists()
