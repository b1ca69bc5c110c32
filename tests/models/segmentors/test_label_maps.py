import pytest
import torch

from mmseg.models.layers import resize
from mmseg.models.segmentors.label_maps import label_maps

SIZES = [
    ((16, 24), (32, 48)),
    ((13, 9), (40, 31)),
    ((12, 20), (7, 11)),
    ((5, 6), (5, 9)),
    ((8, 8), (8, 8)),
    ((1, 1), (6, 4)),
]


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(('size', 'wanted'), SIZES)
@pytest.mark.parametrize('rows', [1, 7, None])
def test_strips_give_the_classes_of_the_whole(size, wanted, align_corners, rows):
    logits = torch.randn(2, 5, *size)
    whole = resize(logits, wanted, align_corners=align_corners).softmax(1).argmax(1)
    assert torch.equal(label_maps(logits, wanted, align_corners=align_corners, rows=rows).long(), whole)


def test_large_maps_are_equal_pixel_for_pixel():
    logits = torch.randn(1, 19, 65, 129) * 3
    whole = resize(logits, (260, 513)).argmax(1)
    assert torch.equal(label_maps(logits, (260, 513), align_corners=False).long(), whole)


def test_of_equal_classes_the_lower_id_wins():
    logits = torch.zeros(1, 4, 2, 2)
    logits[0, 2:, 0] = 1
    assert label_maps(logits, (2, 2), align_corners=False).tolist() == [[[2, 2], [0, 0]]]


def test_half_precision_is_compared_as_float32():
    logits = torch.randn(1, 3, 6, 6).bfloat16()
    expected = resize(logits.float(), (17, 13)).argmax(1)
    assert torch.equal(label_maps(logits, (17, 13), align_corners=False).long(), expected)


def test_many_classes_get_wider_ids():
    logits = torch.zeros(1, 300, 2, 2)
    logits[:, 299] = 1
    assert label_maps(logits, (4, 4), align_corners=False).unique().tolist() == [299]
    assert label_maps(logits[:, :19], (4, 4), align_corners=False).dtype == torch.uint8


def test_the_resized_logits_are_never_whole_in_memory():
    logits, seen = torch.randn(1, 3, 64, 64), []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out.is_floating_point():
                seen.append(out.numel())
            return out

    with Sizes():
        label_maps(logits, (512, 512), align_corners=False, rows=16)
    assert 0 < max(seen) <= 3 * 16 * 512


@pytest.mark.gpu
def test_strips_give_the_classes_of_the_whole_on_a_gpu():
    logits = torch.randn(2, 19, 64, 128, device='cuda')
    whole = resize(logits, (512, 1024)).argmax(1)
    found = label_maps(logits, (512, 1024), align_corners=False).long()
    assert (found != whole).float().mean() < 1e-5  # the device may round the last bit of a near tie otherwise
