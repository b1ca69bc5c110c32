import pytest
import torch

from mmseg.prediction.block import Block
from mmseg.prediction.summary import Tally


def block(*ids):
    label_map = torch.tensor([ids], dtype=torch.uint8)
    return Block(slice(0, 1), slice(0, len(ids)), label_map, torch.full(label_map.shape, 0.5))


def test_shares_are_those_of_all_blocks_largest_first():
    tally = Tally()
    for part in (block(0, 2, 2, 2), block(2, 2, 2, 0)):
        tally.add(part, 3)
    facts = tally.facts(['road', 'car', 'sky'])
    assert list(facts['class_shares'].items()) == [('sky', 0.75), ('road', 0.25)]
    assert facts['mean_confidence'] == pytest.approx(0.5)


def test_outputs_beyond_the_classes_are_told_together_whichever_blocks_have_them():
    tally = Tally()
    for part in (block(0, 0, 0, 3), block(0, 0, 0, 0), block(1, 4, 3, 3)):
        tally.add(part, 2)
    shares = tally.facts(['road', 'car'])['class_shares']
    assert list(shares) == ['road', 'no class', 'car']
    assert shares == {'road': pytest.approx(7 / 12), 'no class': pytest.approx(4 / 12), 'car': pytest.approx(1 / 12)}
