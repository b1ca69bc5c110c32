"""Whole and sliding inference, and test-time augmentation."""

import pytest
import torch
from torch import nn

from mmseg.errors import InputError
from mmseg.models.layers import resize
from mmseg.models.segmentors.encoder_decoder import slide_windows
from mmseg.registry import MODELS
from tests.models.networks import build, tiny_segmentor
from tests.parity import fill_module, golden

SEG_TOLERANCE = {'atol': 2e-5, 'rtol': 0.0}
PROB_TOLERANCE = {'atol': 2e-6, 'rtol': 0.0}


@pytest.fixture(scope='module')
def whole():
    reference = golden('seg_infer_whole')
    return reference, fill_module(build(reference.config)).eval()


def meta(flip=None):
    return {'ori_shape': (75, 130, 3), 'flip': flip is not None, 'flip_direction': flip}


def assert_labels_equal(found, reference, name):
    sure = reference.tensor(f'{name}.margin') > 1e-4
    assert sure.float().mean() > 0.99
    assert torch.equal(found[0][sure], reference.tensor(name).long()[sure])


@torch.no_grad()
def test_whole_image_logits_and_probabilities_equal_the_reference(whole):
    reference, segmentor = whole
    img = reference.inputs()['img']
    torch.testing.assert_close(
        segmentor.encode_decode(img)[:, :, ::2, ::2], reference.tensor('encode_decode'), **SEG_TOLERANCE
    )
    for name, flip in (('prob_rescaled', None), ('prob_flip_h', 'horizontal'), ('prob_flip_v', 'vertical')):
        found = segmentor.inference(img, meta(flip), rescale=True)[:, :, ::4, ::4]
        torch.testing.assert_close(found, reference.tensor(name), **PROB_TOLERANCE)


def test_label_maps_equal_the_reference(whole):
    reference, segmentor = whole
    img, img2 = (reference.inputs()[name] for name in ('img', 'img2'))
    assert_labels_equal(segmentor.simple_test(img, meta()), reference, 'simple_test')
    augmented = segmentor.aug_test([img, img.flip(3), img2], [meta(), meta('horizontal'), meta()])
    assert_labels_equal(augmented, reference, 'aug_test')


@torch.no_grad()
def test_sliding_logits_equal_the_reference():
    reference = golden('seg_infer_slide')
    segmentor = fill_module(build(reference.config)).eval()
    logits = segmentor.test_logits(reference.inputs()['img'])
    small = segmentor.test_logits(reference.inputs()['small'])
    found = {
        'slide_logits': logits,
        'slide_logits_rescaled': resize(logits, (120, 100)),
        'slide_logits_small_img': small,
    }
    for name, value in found.items():
        torch.testing.assert_close(value[:, :, ::2, ::2], reference.tensor(name), **SEG_TOLERANCE)


class Painter(nn.Module):
    """An encoder that hands the image on, to see what happens around a network."""

    def forward(self, x):
        return [x]


class Channels(nn.Module):
    """A head whose logits are the image's channels, plus one for every crop it was shown before."""

    num_classes = 3
    align_corners = False

    def __init__(self, *, count_calls: bool = False):
        super().__init__()
        self.count_calls, self.calls = count_calls, 0

    def forward(self, features):
        self.calls += self.count_calls
        return features[0] + self.calls


def painter(**test_cfg):
    return MODELS.build(
        {
            'type': 'EncoderDecoder',
            'backbone': {'type': Painter},
            'decode_head': {'type': Channels},
            'test_cfg': test_cfg,
        }
    )


@pytest.mark.parametrize('batched', [False, True])
def test_the_crops_of_an_image_are_predicted_together_where_that_is_asked_for(batched):
    """Four crops side by side, of two columns each; the head adds the number of its call."""
    segmentor = painter(mode='slide', crop_size=(4, 2), stride=(4, 2), batched_slide=batched)
    segmentor.decode_head.count_calls = True
    img = torch.rand(2, 3, 4, 8)
    found = segmentor.test_logits(img) - img
    expected = [1, 1, 1, 1] if batched else [1, 2, 3, 4]
    torch.testing.assert_close(found, torch.tensor(expected).repeat_interleave(2).expand(found.shape).float())


@pytest.mark.parametrize(
    ('size', 'crop', 'stride', 'rows', 'columns'),
    [
        ((4, 4), (4, 4), (2, 2), [(0, 4)], [(0, 4)]),
        ((6, 4), (4, 4), (2, 2), [(0, 4), (2, 6)], [(0, 4)]),
        ((7, 9), (4, 4), (3, 2), [(0, 4), (3, 7)], [(0, 4), (2, 6), (4, 8), (5, 9)]),
        ((3, 10), (4, 8), (4, 8), [(0, 3)], [(0, 8), (2, 10)]),
    ],
)
def test_windows_cover_the_image_and_stay_inside(size, crop, stride, rows, columns):
    found = [(r.start, r.stop, c.start, c.stop) for r, c in slide_windows(size, crop, stride)]
    assert found == [(*r, *c) for r in rows for c in columns]


@torch.no_grad()
def test_overlapping_crops_are_averaged():
    segmentor = painter(mode='slide', crop_size=(1, 4), stride=(1, 2))
    segmentor.decode_head = Channels(count_calls=True)
    logits = segmentor.test_logits(torch.zeros(1, 3, 1, 7))
    # crops at 0, 2 and 3 say 1, 2 and 3
    assert logits[0, 0, 0].tolist() == pytest.approx([1, 1, 1.5, (1 + 2 + 3) / 3, 2.5, 2.5, 3])


@torch.no_grad()
def test_a_network_that_looks_at_single_pixels_sees_no_windows():
    img = torch.randn(2, 3, 13, 17)
    torch.testing.assert_close(painter(mode='slide', crop_size=(5, 6), stride=(3, 4)).test_logits(img), img)


@pytest.mark.parametrize(('direction', 'dim'), [('horizontal', 3), ('vertical', 2)])
def test_probabilities_of_a_flipped_image_are_flipped_back(direction, dim):
    img = torch.randn(1, 3, 4, 6)
    facts = {'ori_shape': (4, 6, 3), 'flip': True, 'flip_direction': direction}
    found = painter().inference(img.flip(dim), facts, rescale=True)
    torch.testing.assert_close(found, img.softmax(dim=1))


def test_augmented_versions_are_averaged_as_probabilities():
    facts = {'ori_shape': (1, 1, 3)}
    sure, other = torch.tensor([9.0, 0.0, 0.0]), torch.tensor([0.0, 0.4, 0.3])
    views = [view.view(1, 3, 1, 1) for view in (sure, other, other)]
    mean = sum(view.softmax(1) for view in views) / 3
    assert painter().aug_test(views, [facts] * 3).item() == mean.argmax().item() == 0
    assert painter().aug_test(views[1:], [facts] * 2).item() == 1


def test_scales_are_averaged_at_the_original_size():
    small, large = torch.randn(1, 3, 4, 6), torch.randn(1, 3, 8, 12)
    facts = {'ori_shape': (6, 9, 3)}
    mean = resize(small, (6, 9)).softmax(1) + resize(large, (6, 9)).softmax(1)
    assert torch.equal(painter().aug_test([small, large], [facts, facts]), mean.argmax(1))
    with pytest.raises(ValueError, match='rescale'):
        painter().aug_test([small, large], [facts, facts], rescale=False)


def test_without_rescaling_the_size_of_the_input_stays():
    img = torch.randn(1, 3, 4, 6)
    assert painter().simple_test(img, {'ori_shape': (8, 12, 3)}, rescale=False).shape == (1, 4, 6)


def test_a_batch_may_bring_one_meta_per_image_if_they_agree():
    img, segmentor = torch.randn(2, 3, 4, 6), painter()
    metas = [{'ori_shape': (8, 12, 3), 'flip': False}, {'ori_shape': (8, 12, 3), 'flip': False}]
    assert torch.equal(segmentor.simple_test(img, metas), segmentor.simple_test(img, metas[0]))
    with pytest.raises(InputError, match='original size'):
        segmentor.simple_test(img, [metas[0], {'ori_shape': (9, 12, 3)}])


@pytest.mark.parametrize(('height', 'width'), [(33, 47), (64, 20), (40, 131)])
def test_images_of_any_size_get_a_label_map_of_their_original_size(height, width):
    segmentor = build(tiny_segmentor()).eval()
    labels = segmentor.simple_test(torch.randn(1, 3, height, width), {'ori_shape': (height + 7, width - 3, 3)})
    assert labels.shape == (1, height + 7, width - 3)
    assert labels.dtype == torch.int64


@pytest.mark.parametrize(
    ('test_cfg', 'message'),
    [
        ({'mode': 'sliding'}, 'sliding'),
        ({'mode': 'slide', 'crop_size': (4, 4)}, 'needs crop_size and stride'),
        ({'mode': 'slide', 'crop_size': (4, 4), 'stride': (5, 4)}, 'gaps'),
        ({'mode': 'slide', 'crop_size': (4, 4), 'stride': (0, 4)}, 'two whole numbers of at least 1'),
        ({'mod': 'slide'}, r"'mod'.*'mode'"),
    ],
)
def test_test_settings_that_do_not_fit_are_named(test_cfg, message):
    with pytest.raises(InputError, match=message):
        painter(**test_cfg)


@torch.no_grad()
@pytest.mark.parametrize('flip', [None, 'horizontal', 'vertical'])
def test_what_pad_has_added_is_cut_off_before_logits_are_resized(flip):
    img = torch.randn(2, 3, 4, 6)
    padded = torch.nn.functional.pad(img, (0, 3, 0, 2), value=9.0)
    plain = {'ori_shape': (8, 12, 3), 'flip': flip is not None, 'flip_direction': flip}
    meta = plain | {'img_shape': (4, 6, 3), 'pad_shape': (6, 9, 3)}
    segmentor = painter()
    torch.testing.assert_close(
        segmentor.inference(padded, meta, rescale=True), segmentor.inference(img, plain, rescale=True)
    )
    assert torch.equal(segmentor.simple_test(padded, meta), segmentor.simple_test(img, plain))
    assert segmentor.simple_test(padded, meta, rescale=False).shape == (2, 6, 9)


@torch.no_grad()
def test_a_pad_shape_that_is_not_that_of_the_image_cuts_nothing():
    img = torch.randn(1, 3, 4, 6)  # cut by RandomCrop, which leaves pad_shape as it was
    meta = {'ori_shape': (4, 6, 3), 'img_shape': (2, 6, 3), 'pad_shape': (8, 6, 3)}
    assert torch.equal(painter().simple_test(img, meta), painter().simple_test(img, {'ori_shape': (4, 6, 3)}))


@torch.no_grad()
@pytest.mark.parametrize('kind', ['BEiT', 'MAE'])
@pytest.mark.parametrize('size', [(20, 70), (20, 20), (40, 20)])
def test_windows_smaller_than_the_encoder_are_padded_and_cut(kind, size):
    backbone = {'type': kind, 'img_size': 32, 'patch_size': 16, 'embed_dims': 8, 'num_layers': 1, 'num_heads': 2}
    head = {'type': 'FCNHead', 'in_channels': 8, 'in_index': 0, 'channels': 4, 'num_convs': 1, 'num_classes': 3}
    slide = {'mode': 'slide', 'crop_size': (32, 32), 'stride': (16, 16)}
    backbone['out_indices'] = [0]
    segmentor = build(tiny_segmentor(backbone=backbone, decode_head=head, test_cfg=slide)).eval()
    img = torch.randn(1, 3, *size)
    logits = segmentor.test_logits(img)
    assert logits.shape == (1, 3, *size)
    if max(size) <= 32:
        padded = torch.nn.functional.pad(img, (0, 32 - size[1], 0, 32 - size[0]))
        torch.testing.assert_close(logits, segmentor.encode_decode(padded)[:, :, : size[0], : size[1]])
