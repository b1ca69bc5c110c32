"""Parts of a network that do not fit each other, found before anything is read."""

import pytest
import torch
from mmengine.config import Config

from mmseg.config import forward_check
from mmseg.config.components import check_components
from mmseg.config.forward_check import check_forward
from mmseg.errors import InputError
from mmseg.models.segmentors.encoder_decoder import EncoderDecoder
from tests.config.test_components import changed

AUXILIARY = {'type': 'FCNHead', 'in_channels': 99, 'in_index': 2, 'channels': 8, 'num_classes': 5}
NECK = {'type': 'Feature2Pyramid', 'embed_dim': 64, 'rescales': [4, 2, 1, 0.5]}


def cropped(place: str, value: object) -> Config:
    """A config of crops, of which one value is changed."""
    cfg = changed(place, value)
    cfg.data.train.source.pipeline.append({'type': 'RandomCrop', 'crop_size': (64, 64)})
    return Config(cfg.to_dict())


@pytest.mark.parametrize(
    ('place', 'value', 'said'),
    [
        ('model.decode_head.in_channels', [32, 64, 128, 256], r'SegFormerHead: in_channels is \[32, 64, 128, 256\]'),
        ('model.decode_head.in_index', [0, 1, 2, 4], r'in_index=\[0, 1, 2, 4\], but the encoder gives 4 stages'),
        ('model.auxiliary_head', AUXILIARY, r'FCNHead: in_channels is 99, .* have \[160\] channels'),
        ('model.neck', NECK, r'but the stages of in_index=.* have \[64, 64, 160, 256\] channels'),
    ],
)
def test_parts_that_do_not_fit_each_other_are_named_before_a_file_is_read(place, value, said):
    with pytest.raises(InputError, match=f'^model: .*{said}'):
        check_components(cropped(place, value))


def test_networks_that_fit_pass_with_any_number_of_bands_and_stay_in_train_mode(monkeypatch):
    seen = []
    real = forward_check._forward
    monkeypatch.setattr(forward_check, '_forward', lambda student, img: (seen.append(img.shape), real(student, img)))
    model = check_components(cropped('model.backbone.in_chans', 5))
    assert seen == [(1, 5, 64, 64)]
    assert model.training


def test_what_cannot_be_computed_without_values_is_not_judged(monkeypatch):
    cfg = cropped('uda', None)
    model = check_components(cfg)
    monkeypatch.setattr(EncoderDecoder, 'extract_feat', lambda self, img, view: float(img.sum()))
    with pytest.raises(RuntimeError, match='meta'):
        model.extract_feat(torch.zeros(1, device='meta'), None)
    check_forward(cfg, model)
