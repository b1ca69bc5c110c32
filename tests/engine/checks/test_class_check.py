"""Whether network and data mean the same classes."""

from types import SimpleNamespace

import pytest

from mmseg.datasets.label_sets import CAMVID11, CITYSCAPES19, LabelSet
from mmseg.engine.checks import class_check
from mmseg.engine.checks.class_check import check_classes, check_evaluated_classes, check_loaded_classes
from mmseg.errors import InputError
from mmseg.registry import MODELS
from tests.models.networks import daformer_head, tiny_segmentor

TWO = LabelSet('two', ('field', 'forest'))


def network(outputs: int, **auxiliary: int):
    heads = {name: SimpleNamespace(num_classes=count, ignore_index=255) for name, count in auxiliary.items()}
    return SimpleNamespace(num_classes=outputs, heads=lambda: heads)


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(class_check, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


def test_a_network_with_too_few_outputs_is_refused_with_both_numbers():
    with pytest.raises(InputError, match=r'num_classes is 5, but the data has 11 classes \(sky, building'):
        check_classes(network(5), CAMVID11)


def test_an_auxiliary_head_with_too_few_outputs_is_refused_by_its_name():
    with pytest.raises(InputError, match=r"auxiliary head 'aux_1' is 2, but the data has 11 classes"):
        check_classes(network(11, aux_0=11, aux_1=2), CAMVID11)


def test_outputs_without_a_class_are_one_warning_for_each_head(said):
    check_classes(network(19, decode=19, aux=19), CAMVID11)
    assert [text.split(' is ')[0] for text in said] == [
        'model.decode_head.num_classes',
        "num_classes of the auxiliary head 'aux'",
    ]
    assert all('the other 8 outputs learn nothing' in text for text in said)


def test_a_network_for_the_classes_of_the_data_is_silent(said):
    check_classes(network(2, decode=2, aux=2), TWO)
    assert said == []


def test_a_single_class_is_refused_as_nothing_to_learn():
    with pytest.raises(InputError, match=r'single class \(road\).*background'):
        check_classes(network(1), LabelSet('one', ('road',)))


def test_a_head_that_ignores_another_label_than_the_data_is_refused():
    other = SimpleNamespace(num_classes=11, heads=lambda: {'decode': SimpleNamespace(ignore_index=254)})
    with pytest.raises(InputError, match='The decode head has ignore_index=254, but the data 255'):
        check_classes(other, CAMVID11)


@pytest.mark.parametrize('classes', [['forest', 'field'], ['field', 'forest', 'lake']])
def test_without_labels_a_network_of_other_classes_or_in_another_order_is_refused(classes):
    with pytest.raises(InputError, match=rf'a\.pth is a network of the classes {", ".join(classes)}; .*field, forest'):
        check_loaded_classes(classes, TWO, 'a.pth', learns=False)


def test_with_labels_another_order_is_a_warning_and_another_number_is_learnt(said):
    check_loaded_classes(['forest', 'field'], TWO, 'a.pth', learns=True)
    assert len(said) == 1
    check_loaded_classes(['field', 'forest', 'lake'], TWO, 'a.pth', learns=True)
    check_loaded_classes(['field', 'forest'], TWO, 'a.pth', learns=False)
    check_loaded_classes(None, TWO, 'a.pth', learns=False)
    assert len(said) == 1


@pytest.mark.parametrize('split', ['val', 'test'])
@pytest.mark.parametrize('classes', [['forest', 'field'], ['field'], ['field', 'forest', 'lake']])
@pytest.mark.parametrize('wrap', [dict, lambda cfg: [cfg], lambda cfg: {'type': 'RepeatDataset', 'dataset': cfg}])
def test_evaluation_on_other_classes_or_another_order_is_refused(split, classes, wrap):
    with pytest.raises(InputError, match=rf'data\.{split} has the classes .*same classes in the same order'):
        check_evaluated_classes({split: wrap({'type': 'CustomDataset', 'classes': classes})}, TWO)


def test_the_same_classes_pass_however_they_are_named():
    data = {'val': {'type': 'CityscapesDataset'}, 'test': [{'type': 'CustomDataset', 'label_set': 'cityscapes19'}]}
    check_evaluated_classes(data, CITYSCAPES19)
    check_evaluated_classes({'val': None}, TWO)


@pytest.mark.parametrize('loss', [{}, {'use_sigmoid': True}])
def test_class_weights_are_one_for_each_class(loss):
    head = daformer_head(loss_decode={'type': 'CrossEntropyLoss', 'class_weight': [1.0, 2.0], **loss})
    with pytest.raises(InputError, match='class_weight of CrossEntropyLoss has 2 numbers for 5 classes'):
        MODELS.build(tiny_segmentor(decode_head=head))
    head['loss_decode']['class_weight'] = [1.0] * 5
    MODELS.build(tiny_segmentor(decode_head=head))
