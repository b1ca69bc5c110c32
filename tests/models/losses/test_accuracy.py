import pytest
import torch

from mmseg.models.losses.accuracy import accuracy
from tests.parity import golden, make_input

REFERENCE = golden('loss_accuracy')


def test_accuracy_equals_the_reference():
    logits = make_input('loss_acc.pred', (2, 19, 10, 14))
    label = REFERENCE.tensor('in.label').long()
    found = dict(zip(('topk_1', 'topk_2', 'topk_5'), accuracy(logits, label, topk=(1, 2, 5)), strict=True))
    found |= {'top1': accuracy(logits, label)[0], 'all_ignored': accuracy(logits, torch.full_like(label, 255))[0]}
    for name, value in found.items():
        assert value.item() == pytest.approx(float(REFERENCE.arrays[name][0]), rel=1e-5, abs=1e-6)


def test_ignored_pixels_count_as_missed():
    logits = torch.tensor([[[[3.0, 3.0, 3.0, 3.0]], [[2.0, 2.0, 2.0, 2.0]], [[1.0, 1.0, 1.0, 1.0]]]])
    label = torch.tensor([[[0, 1, 2, 255]]])
    assert [value.item() for value in accuracy(logits, label, topk=(1, 2))] == [25.0, 50.0]
