import torch
from mmengine import Config

from mmseg.engine.train import _build_evaluation
from tests.engine import tiny  # noqa: F401 (registers its data set)


def hook(**evaluation):
    data = {'val': {'type': 'TinyImages', 'size': 5}, 'train': {'type': 'TinyImages'}, 'workers_per_gpu': 0}
    cfg = Config({'data': data, 'runner': {'max_iters': 4}, 'evaluation': {'interval': 2, **evaluation}})
    return _build_evaluation(cfg)[0]


def test_the_evaluation_in_training_takes_its_batches_and_precision_from_the_config():
    plain, batched = hook(), hook(samples_per_gpu=2, precision='bf16')
    assert (plain.dtype, batched.dtype) == (torch.float32, torch.bfloat16)
    assert [len(batch) for batch in plain.loader.batch_sampler] == [1] * 5
    assert [len(batch) for batch in batched.loader.batch_sampler] == [2, 2, 1]
