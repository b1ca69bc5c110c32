import json
import math

import numpy as np
import pytest
import torch

from mmseg.datasets.label_sets import CITYSCAPES19, LabelSet
from mmseg.errors import InputError
from mmseg.evaluation.metrics import ConfusionMatrix, Metrics, counts_on_device
from tests.parity import golden

CASES = ['eval_synthia', 'eval_absent_classes']


def counted(case: str) -> tuple[Metrics, ConfusionMatrix]:
    data = golden(case)
    confusion = ConfusionMatrix(19)
    for pred, label in zip(data.tensor('in.pred'), data.tensor('in.label'), strict=True):
        confusion.update(pred, label)
    return confusion.metrics(), confusion


@pytest.mark.parametrize('case', CASES)
def test_areas_equal_the_reference(case):
    _, confusion = counted(case)
    counts, expected = confusion.matrix.numpy(), golden(case).arrays
    hits, labelled, predicted = np.diagonal(counts), counts.sum(1), counts[:, :19].sum(0)
    np.testing.assert_array_equal(hits, expected['area.intersect'])
    np.testing.assert_array_equal(labelled, expected['area.label'])
    np.testing.assert_array_equal(predicted, expected['area.pred'])
    np.testing.assert_array_equal(labelled + predicted - hits, expected['area.union'])


@pytest.mark.parametrize('case', CASES)
def test_every_metric_equals_the_reference_including_where_it_is_undefined(case):
    metrics, _ = counted(case)
    expected = golden(case).arrays
    assert metrics.aAcc == pytest.approx(float(expected['metric.aAcc']))
    for key in ('IoU', 'Acc', 'Dice', 'Fscore', 'Precision', 'Recall'):
        np.testing.assert_allclose(getattr(metrics, key.lower()), expected[f'metric.{key}'], rtol=1e-12)
    np.testing.assert_allclose(np.nan_to_num(metrics.iou, nan=-1), expected['nan_to_num_-1.IoU'], rtol=1e-12)


@pytest.mark.parametrize('case', CASES)
def test_summary_is_rounded_as_the_reference_rounds(case):
    metrics, _ = counted(case)
    expected = json.loads(str(golden(case).arrays['evaluate_mIoU']))
    summary = metrics.summary(CITYSCAPES19)
    assert summary.keys() == expected.keys()
    for name, value in expected.items():
        assert summary[name] == pytest.approx(100 * value, abs=1e-9, nan_ok=True), name


@pytest.mark.parametrize('case', CASES)
def test_synthia_sources_also_report_16_and_13_classes(case):
    metrics, _ = counted(case)
    expected = golden(case).arrays
    summary = metrics.summary(CITYSCAPES19, source='SynthiaDataset')
    assert summary['mIoU16'] == round(100 * float(expected['synthia.mIoU16']), 2)
    assert summary['mIoU13'] == round(100 * float(expected['synthia.mIoU13']), 2)
    assert 'mIoU16' not in metrics.summary(CITYSCAPES19, source='GTADataset')


def test_a_hand_made_matrix_gives_the_expected_numbers():
    # 6 pixels of class 0 (one predicted as 1, one as no class), 2 of class 1, none of class 2 but one so predicted.
    matrix = torch.tensor([[4, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]])
    metrics = Metrics.from_matrix(matrix)
    assert metrics.iou.tolist() == pytest.approx([4 / 6, 1 / 3, 0])
    assert metrics.acc.tolist() == pytest.approx([4 / 6, 1 / 2, math.nan], nan_ok=True)
    assert metrics.precision.tolist() == pytest.approx([1, 1 / 2, 0])
    assert metrics.aAcc == 5 / 8
    assert metrics.mIoU == pytest.approx((4 / 6 + 1 / 3 + 0) / 3)
    assert metrics.mAcc == pytest.approx((4 / 6 + 1 / 2) / 2)


def test_a_class_without_label_and_prediction_does_not_count_in_the_mean_but_a_missed_one_does():
    absent = Metrics.from_matrix(torch.tensor([[3, 0], [0, 0]]))
    missed = Metrics.from_matrix(torch.tensor([[3, 0], [3, 0]]))
    assert absent.mIoU == 1
    assert missed.mIoU == pytest.approx((0.5 + 0) / 2)


def test_counting_in_pieces_equals_counting_at_once_for_any_number_of_classes():
    generator = torch.Generator().manual_seed(3)
    for classes in (2, 19, 300):
        pred = torch.randint(0, classes, (4, 10, 12), generator=generator)
        label = torch.randint(0, classes, (4, 10, 12), generator=generator, dtype=torch.int32)
        whole, pieces = ConfusionMatrix(classes, 1000), ConfusionMatrix(classes, 1000)
        whole.update(pred, label)
        for one_pred, one_label in zip(pred, label, strict=True):
            pieces.update(one_pred, one_label)
        assert whole.matrix.equal(pieces.matrix)
        plain = torch.zeros(classes, classes, dtype=torch.int64)
        for row, column in zip(label.flatten().tolist(), pred.flatten().tolist(), strict=True):
            plain[row, column] += 1
        assert whole.matrix[:, :classes].equal(plain)


def test_ignored_pixels_do_not_count_and_predictions_beyond_the_classes_are_wrong():
    confusion = ConfusionMatrix(2)
    confusion.update(torch.tensor([[0, 1, 5]]), torch.tensor([[255, 1, 0]], dtype=torch.uint8))
    assert confusion.matrix.tolist() == [[0, 0, 1], [0, 1, 0]]


def test_a_label_that_is_no_class_is_refused_by_value():
    with pytest.raises(InputError, match=r'\[7, 33\] are outside the 3 classes'):
        ConfusionMatrix(3).update(torch.zeros(2, 2), torch.tensor([[0, 33], [7, 255]]))


def test_a_label_beyond_all_ids_is_refused_too():
    for label in (-1, 300):
        with pytest.raises(InputError, match=r'\[beyond 255\] are outside the 3 classes'):
            ConfusionMatrix(3).update(torch.zeros(1, 2), torch.tensor([[0, label]]))


def test_counting_on_a_device_gives_the_counts_of_bincount():
    values = torch.tensor([3, 0, 3, 3, 1], dtype=torch.int32)
    assert counts_on_device(values, 6).tolist() == torch.bincount(values, minlength=6).tolist() == [1, 1, 0, 3, 0, 0]


def test_without_any_labelled_pixel_nothing_is_defined():
    metrics = Metrics.from_matrix(torch.zeros(3, 3, dtype=torch.int64))
    assert math.isnan(metrics.mIoU)
    assert math.isnan(metrics.aAcc)


def test_summary_uses_the_class_names_of_any_label_set():
    trees = LabelSet(name='trees', classes=('oak', 'fir'), palette=((1, 2, 3), (4, 5, 6)))
    summary = Metrics.from_matrix(torch.tensor([[1, 1], [0, 2]])).summary(trees, source='synthia')
    assert summary == {
        'aAcc': 75.0, 'mIoU': 58.33, 'mAcc': 75.0, 'IoU.oak': 50.0, 'IoU.fir': 66.67, 'Acc.oak': 50.0, 'Acc.fir': 100.0,
    }  # fmt: skip
