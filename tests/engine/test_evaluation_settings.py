import numpy as np
import pytest
import torch
from mmengine import Config

from mmseg.datasets.label_sets import LabelSet
from mmseg.engine.run_hooks import build_evaluation
from mmseg.errors import InputError
from mmseg.evaluation.metrics import Metrics
from tests.engine import tiny  # noqa: F401 (registers its data set)


def hook(**evaluation):
    data = {'val': {'type': 'TinyImages', 'size': 5}, 'train': {'type': 'TinyImages'}, 'workers_per_gpu': 0}
    cfg = Config({'data': data, 'runner': {'max_iters': 4}, 'evaluation': {'interval': 2, **evaluation}})
    return build_evaluation(cfg)[0]


def test_the_evaluation_in_training_takes_its_batches_and_precision_from_the_config():
    plain, batched = hook(), hook(samples_per_gpu=2, precision='bf16')
    assert (plain.dtype, batched.dtype) == (torch.float32, torch.bfloat16)
    assert [len(batch) for batch in plain.sets[''].loader.batch_sampler] == [1] * 5
    assert [len(batch) for batch in batched.sets[''].loader.batch_sampler] == [2, 2, 1]


def test_further_metrics_are_measured_during_training():
    assert hook().columns == ['IoU', 'Acc']
    assert hook(metric=['mIoU', 'mFscore', 'mDice']).columns == ['IoU', 'Acc', 'Fscore', 'Precision', 'Recall', 'Dice']
    with pytest.raises(InputError, match=r"'mFScore' is not known. Did you mean 'mFscore'"):
        hook(metric=['mIoU', 'mFScore'])


def test_a_summary_holds_the_metrics_asked_for():
    labels = LabelSet('two', ('field', 'forest'))
    found = Metrics.from_matrix(np.array([[3, 1, 0], [0, 4, 0]])).summary(
        labels, columns=['IoU', 'Acc', 'Dice', 'Fscore']
    )
    assert found['Dice.field'] == pytest.approx(100 * 6 / 7, abs=0.01)
    assert found['mDice'] == pytest.approx(100 * (6 / 7 + 8 / 9) / 2, abs=0.01)
    assert 'mFscore' in found
    assert set(Metrics.from_matrix(np.array([[3, 1], [0, 4]])).summary(labels)) == {
        'aAcc', 'mIoU', 'mAcc', 'IoU.field', 'IoU.forest', 'Acc.field', 'Acc.forest',
    }  # fmt: skip
