import logging

import pytest
import torch
from mmengine import Config

from mmseg.config.encoder_images import check_images, check_tested_size
from mmseg.errors import InputError
from mmseg.registry import MODELS
from tests.models.networks import build_on_meta, daformer_head, skip_unless_timm_has

HEAD = daformer_head(in_channels=[96, 192, 384, 768])
IMAGENET = {'type': 'Normalize', 'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375], 'to_rgb': True}
HALVES = {'type': 'Normalize', 'mean': [127.5] * 3, 'std': [127.5] * 3, 'to_rgb': True}


def config(*steps, **train):
    leaf = {'type': 'CustomDataset', 'pipeline': list(steps)}
    pair = {'type': 'UDADataset', 'source': leaf, 'target': [leaf, {'type': 'RepeatDataset', 'dataset': leaf}], **train}
    return Config({'data': {'train': pair, 'val': leaf}})


def segmentor(model_name, *, test_cfg=None, segmentor='EncoderDecoder', head=HEAD, **backbone):
    encoder = {'type': 'TimmBackbone', 'model_name': model_name, **backbone}
    return build_on_meta({'type': 'EncoderDecoder', 'backbone': encoder, 'decode_head': head, 'test_cfg': test_cfg})


@pytest.mark.parametrize(
    ('cfg', 'place'),
    [
        (config({'type': 'RandomCrop', 'crop_size': (64, 64)}), 'RandomCrop of data.train'),
        (config({'type': 'RandomCrop', 'crop_size': (64, 96)}, sync_crop_size=(32, 32)), 'data.train.sync_crop_size'),
        (
            config({'type': 'RandomCrop', 'crop_size': (64, 96)}, {'type': 'Pad', 'size': (96, 96)}),
            'Pad of data.train',
        ),
    ],
)
def test_crops_that_the_encoder_does_not_take_are_refused_before_training(cfg, place):
    model = segmentor('hiera_tiny_224', img_size=(64, 96))
    with pytest.raises(InputError, match=rf'{place}: TimmBackbone: hiera_tiny_224 takes images of 96x64 only'):
        check_images(cfg, model)


def test_crops_that_it_takes_pass_and_windows_of_the_test_are_checked_too():
    cfg = config({'type': 'RandomCrop', 'crop_size': (64, 96)})
    check_images(cfg, segmentor('hiera_tiny_224', img_size=(64, 96)))
    windows = {'mode': 'slide', 'crop_size': (96, 96), 'stride': (64, 64)}
    with pytest.raises(InputError, match=r'model\.test_cfg\.crop_size'):
        check_images(cfg, segmentor('hiera_tiny_224', img_size=(64, 96), test_cfg=windows))


def test_images_that_are_tested_whole_are_no_larger_than_the_only_ones_that_it_takes():
    model = segmentor('hiera_tiny_224', img_size=(64, 96))
    check_tested_size(model, (64, 96), 'data.val')
    check_tested_size(model, (48, 96), 'data.val')  # seen behind a border
    with pytest.raises(
        InputError, match=r"data\.val with model\.test_cfg\.mode='whole': .*96x64 only, and gets 128x64"
    ):
        check_tested_size(model, (64, 128), 'data.val')
    check_tested_size(segmentor('convnext_tiny'), (64, 128), 'data.val')


def test_an_image_smaller_than_the_only_ones_that_the_encoder_takes_is_predicted_whole_and_in_windows():
    encoder = {'type': 'TimmBackbone', 'model_name': 'hiera_tiny_224', 'img_size': (64, 96)}
    model = MODELS.build({'type': 'EncoderDecoder', 'backbone': encoder, 'decode_head': HEAD}).eval()
    image = torch.rand(1, 3, 40, 96)
    with torch.no_grad():
        whole = model.test_logits(image)
        bordered = model.test_logits(torch.nn.functional.pad(image, (0, 0, 0, 24)))
    assert whole.shape[2:] == (40, 96)
    torch.testing.assert_close(whole, bordered[:, :, :40])


def test_an_encoder_of_our_own_of_one_size_is_checked_too():
    encoder = {'type': 'BEiT', 'img_size': 64, 'embed_dims': 24, 'num_heads': 2, 'num_layers': 1, 'out_indices': (0,)}
    head = daformer_head(in_channels=[24], in_index=[0])
    model = build_on_meta({'type': 'EncoderDecoder', 'backbone': encoder, 'decode_head': head})
    with pytest.raises(InputError, match='built for images of 64x64, got 32x64'):
        check_images(config({'type': 'RandomCrop', 'crop_size': (32, 64)}), model)


@pytest.mark.parametrize(
    ('model_name', 'pretrained', 'step', 'warned'),
    [
        ('convnext_tiny', 'weights.pth', HALVES, True),
        ('convnext_tiny', 'weights.pth', IMAGENET, False),
        ('convnext_tiny', None, HALVES, False),
        ('vit_base_patch16_siglip_224', 'weights.pth', IMAGENET, True),
        ('vit_base_patch14_reg1_tipsv2', 'weights.pth', {**IMAGENET, 'mean': [0] * 3, 'std': [255] * 3}, False),
    ],
)
def test_images_normalised_otherwise_than_the_weights_expect_are_named_once(
    model_name, pretrained, step, warned, caplog
):
    skip_unless_timm_has(model_name)
    model = segmentor(model_name, pretrained=pretrained)
    with caplog.at_level(logging.WARNING):
        check_images(config(step, step), model)
    assert len(caplog.records) == int(warned)
    if warned:
        assert 'but data.train normalises with mean=[' in caplog.text


def test_steps_inside_of_test_time_augmentation_are_looked_at(caplog):
    cfg = config(IMAGENET)
    cfg.data.val.pipeline = [{'type': 'MultiScaleFlipAug', 'transforms': [HALVES]}]
    with caplog.at_level(logging.WARNING):
        check_images(cfg, segmentor('convnext_tiny', pretrained='weights.pth'))
    assert 'data.val normalises with mean=[127.5, 127.5, 127.5] and std=[127.5, 127.5, 127.5]' in caplog.text


def test_images_that_a_frozen_encoder_expects_otherwise_are_named_too(caplog):
    teacher = {
        'type': 'TimmBackbone',
        'model_name': 'vit_base_patch16_siglip_224',
        'pretrained': 'w.pth',
        'out_indices': [-1],
    }
    term = {'type': 'FeatureAlignment', 'teacher': teacher, 'channels': (768, 768), 'size': 224}
    student = {'type': 'TimmBackbone', 'model_name': 'convnext_tiny', 'pretrained': 'weights.pth'}
    network = {'type': 'EncoderDecoder', 'backbone': student, 'decode_head': HEAD}
    model = build_on_meta({'type': 'DACS', 'model': network, 'max_iters': 1, 'terms': [term]})
    with caplog.at_level(logging.WARNING):
        check_images(config(IMAGENET), model)
    assert [record.message.split(' come')[0] for record in caplog.records] == [
        'The weights of the frozen encoder of feature_alignment.teacher'
    ]
