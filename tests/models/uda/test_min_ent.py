import math

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.uda.min_ent import entropy_map
from mmseg.registry import MODELS
from tests.models.uda.tiny import batch, segmentor, sgd


def min_ent(**uda):
    torch.manual_seed(0)
    return MODELS.build(
        {'type': 'MinEnt', 'model': segmentor(), 'max_iters': 4, 'debug_img_interval': 1, **uda}
    ).train()


def test_entropy_is_1_where_all_classes_are_alike_and_0_where_one_is_certain():
    logits = torch.zeros(1, 4, 1, 2)
    logits[0, 2, 0, 1] = 100.0
    torch.testing.assert_close(entropy_map(logits), torch.tensor([[[[1.0, 0.0]]]]))
    half = torch.log(torch.tensor([0.5, 0.5, 1e-30, 1e-30])).view(1, 4, 1, 1)
    assert entropy_map(half).item() == pytest.approx(math.log(2) / math.log(4))


def test_the_target_s_entropy_is_descended_beside_the_source_loss():
    model = min_ent(entropy_weight=0.5)
    logged = model.train_step(batch(), sgd(model, lr=0.0))
    assert set(logged) == {'loss', 'decode.loss_seg', 'decode.acc_seg', 'trg.loss_entropy'}
    expected = 0.5 * entropy_map(model.model.decode_head(model.model.extract_feat(batch()['target_img']))).mean()
    torch.testing.assert_close(logged['trg.loss_entropy'], expected)
    torch.testing.assert_close(logged['loss'], logged['decode.loss_seg'] + expected)


def test_predictions_of_the_target_become_certain():
    model = min_ent(entropy_weight=10.0)
    optimizer = sgd(model, lr=0.1)
    entropies = [model.train_step(batch(), optimizer)['trg.loss_entropy'].item() for _ in range(8)]
    assert entropies[-1] < 0.9 * entropies[0]


def test_masked_images_get_a_teacher_of_their_own():
    term = {'type': 'MaskedConsistency', 'block_size': 8}
    with pytest.raises(InputError, match='MinEnt has none'):
        min_ent(terms=[term])
    model = min_ent(terms=[{**term, 'alpha': 0.9, 'pseudo_threshold': 0.1}])
    logged = model.train_step(batch(), sgd(model))
    assert logged['masked.decode.loss_seg'] > 0


def test_a_weight_of_nothing_is_refused():
    with pytest.raises(InputError, match=r'uda\.entropy_weight is 0'):
        min_ent(entropy_weight=0)
