import pytest
import torch

from mmseg.engine.checks.learning_check import check_learning
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config


def check(key: str, value: object) -> None:
    cfg = tiny_config('')
    cfg.merge_from_dict({key: value})
    with torch.device('meta'):
        check_learning(cfg, torch.nn.Conv2d(3, 4, 1))


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('optimizer.weight_decay', -5, r'optimizer\.weight_decay must be a number of at least 0, not -5'),
        ('optimizer.weight_decay', 'x', r'optimizer\.weight_decay must be a number'),
        ('optimizer.betas', (2, 3), r'optimizer: .*beta'),
        ('optimizer.betas', (0.9,), r'optimizer: AdamW: betas=.* it takes 2 values'),
        ('optimizer.lr', 'x', r'optimizer\.lr must be a number'),
        ('optimizer.type', 'AdamV', r"optimizer: 'AdamV' is not a known optimizer. Did you mean 'Adam'"),
        ('optimizer.paramwise_cfg.custom_keys.head', 3, r'paramwise_cfg: ParamwiseRules: custom_keys='),
        ('optimizer.paramwise_cfg.custom_keys.head.lr_mult', -1, r'custom_keys=.*of at least 0'),
        ('optimizer.paramwise_cfg.norm_decay_mult', 'x', 'norm_decay_mult'),
        ('optimizer_config.grad_clip', {'norm_type': 2}, r'optimizer_config\.grad_clip: .*max_norm'),
        (
            'optimizer_config.grad_clip',
            {'max_norm': -1},
            'max_norm=-1 does not fit: it takes a number above 0',
        ),
        ('optimizer_config.grad_clip', {'max_norm': 1, 'norm_type': 0}, 'norm_type=0 is no norm'),
        ('optimizer', {'type': 'LBFGS', 'lr': 1.0, '_delete_': True}, r'optimizer LBFGS cannot step: .*closure'),
        ('optimizer', {'type': 'SparseAdam', 'lr': 0.1, '_delete_': True}, 'optimizer SparseAdam cannot step'),
        ('optimizer.lr', 1e300, 'two steps .* leave no numbers'),
        ('lr_config', {'policy': 'poly', 'power': 'x'}, r'lr_config: LearningRate: power='),
        ('lr_config', {'policy': 'poly', 'max_iters': 3}, 'that of runner'),
        ('lr_config', {'policy': 'step', 'step': [1, 'x']}, r'step=\[1, .x.\] does not fit'),
        ('lr_config', {'policy': 'step', 'gamma': float('nan')}, 'gamma=nan does not fit'),
    ],
)
def test_what_would_fail_while_training_is_told_before_it(key, value, message):
    with pytest.raises(InputError, match=message):
        check(key, value)


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('optimizer.betas', [0.9, 0.99]),
        ('optimizer_config.grad_clip', {'max_norm': 35, 'norm_type': float('inf')}),
        ('lr_config', {'policy': 'step', 'step': 3}),
        ('lr_config', None),
    ],
)
def test_settings_that_can_be_pass(key, value):
    check(key, value)
