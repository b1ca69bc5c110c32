import torch

from mmseg.datasets.label_sets import LabelSet
from mmseg.evaluation.metrics import Metrics
from mmseg.report.table import class_table, table

PARK = LabelSet(name='park', classes=('lawn', 'path', 'pond'), palette=((0, 255, 0), (90, 90, 90), (0, 0, 255)))
GOOD = Metrics.from_matrix(torch.tensor([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
POOR = Metrics.from_matrix(torch.tensor([[2, 2, 0], [4, 0, 0], [0, 0, 0]]))


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split('|')] for line in text.splitlines() if not line.startswith('-')]


def test_one_run_shows_iou_and_accuracy_of_every_class_and_the_means():
    assert cells(class_table({'run': GOOD}, PARK, {'mIoU2': ('lawn', 'pond')})) == [
        ['class', 'IoU', 'Acc'],
        ['lawn', '75.00', '75.00'],
        ['path', '80.00', '100.00'],
        ['pond', '-', '-'],
        ['mIoU (3 classes)', '77.50'],
        ['mIoU (2 classes)', '75.00'],
        ['mAcc', '87.50'],
        ['aAcc', '87.50'],
    ]


def test_several_runs_stand_side_by_side():
    lines = cells(class_table({'source only': POOR, 'adapted': GOOD}, PARK))
    assert lines[0] == ['class', 'source only', 'adapted']
    assert lines[1] == ['lawn', '25.00', '75.00']
    assert lines[4] == ['mIoU (3 classes)', '12.50', '77.50']


def test_several_sets_have_a_column_of_their_mean():
    lines = cells(class_table({'day': POOR, 'night': GOOD}, PARK, mean=True))
    assert lines[0] == ['class', 'day', 'night', 'mean']
    assert lines[1] == ['lawn', '25.00', '75.00', '50.00']
    assert lines[3] == ['pond', '-', '-', '-']
    assert lines[4] == ['mIoU (3 classes)', '12.50', '77.50', '45.00']


def test_columns_are_aligned():
    text = table([['a', 'long heading']], [['longer', '1.00'], ['b', '12.00']])
    assert text.splitlines() == [
        'a      | long heading',
        '-------+-------------',
        'longer |         1.00',
        'b      |        12.00',
    ]
