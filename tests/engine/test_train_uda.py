import signal

import pytest
import torch

from mmseg.engine.stop import Interrupted
from mmseg.engine.train import build_model, build_runner, train
from tests.engine.test_train import assert_same_run, final, lines
from tests.engine.tiny import tiny_config

SEGMENTOR = {
    'type': 'EncoderDecoder',
    'backbone': {
        'type': 'MixVisionTransformer',
        'embed_dims': (8, 8, 8, 8),
        'num_heads': (1, 1, 1, 1),
        'depths': (1, 1, 1, 1),
        'drop_path_rate': 0.3,
    },
    'decode_head': {
        'type': 'DAFormerHead',
        'in_channels': [8, 8, 8, 8],
        'in_index': [0, 1, 2, 3],
        'channels': 8,
        'dropout_ratio': 0.1,
        'num_classes': 11,
        'norm_cfg': {'type': 'BN', 'requires_grad': True},
        'decoder_params': {
            'embed_dims': 8,
            'embed_cfg': {'type': 'mlp'},
            'embed_neck_cfg': {'type': 'mlp'},
            'fusion_cfg': {'type': 'conv', 'kernel_size': 1},
        },
        'loss_decode': {'type': 'CrossEntropyLoss', 'use_sigmoid': False, 'loss_weight': 1.0},
    },
    'train_cfg': {},
    'test_cfg': {'mode': 'whole'},
}
UDA = {
    'type': 'DACS',
    'alpha': 0.9,
    'pseudo_threshold': 0.1,
    'imnet_feature_dist_lambda': 0.1,
    'imnet_feature_dist_classes': [0, 1, 2],
    'imnet_feature_dist_scale_min_ratio': 0.01,
    'debug_img_interval': 1000,
}


def uda_config(work_dir, **options):
    return tiny_config(work_dir, model=SEGMENTOR, uda=UDA, evaluation__interval=6, **options)


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    return train(uda_config(tmp_path_factory.mktemp('straight') / 'run', uda__debug_img_interval=5))


@pytest.mark.parametrize('iteration', [3, 6])
def test_an_adaptation_goes_on_with_its_teacher_bit_for_bit(straight, tmp_path, iteration):
    stop = [{'type': 'KillAt', 'iteration': iteration, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(uda_config(tmp_path / 'run', custom_hooks=stop))
    train(uda_config(tmp_path / 'run'), resume=tmp_path / 'run' / 'latest.pth')
    assert_same_run(straight, tmp_path / 'run')


def test_accumulated_gradients_survive_a_stop_between_two_steps(tmp_path):
    straight = train(uda_config(tmp_path / 'straight', accumulate=2))
    stop = [{'type': 'KillAt', 'iteration': 7, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(uda_config(tmp_path / 'run', accumulate=2, custom_hooks=stop))
    train(uda_config(tmp_path / 'run', accumulate=2), resume=tmp_path / 'run' / 'latest.pth')
    assert_same_run(straight, tmp_path / 'run')


def test_losses_have_their_names_and_the_student_moved_away_from_its_teacher(straight):
    logged = lines(straight)['train', 12]
    names = {
        'decode.loss_seg',
        'decode.acc_seg',
        'src.loss_imnet_feat_dist',
        'mix.decode.loss_seg',
        'mix.decode.acc_seg',
    }
    assert names < logged.keys()
    state = final(straight)['state_dict']
    weight = 'decode_head.conv_seg.weight'
    assert not torch.equal(state[f'model.{weight}'], state[f'ema_model.{weight}'])


def test_a_picture_is_drawn_every_debug_interval(straight):
    assert sorted(path.name for path in (straight / 'class_mix_debug').iterdir()) == [
        '000001.png',
        '000006.png',
        '000011.png',
    ]


def test_student_weights_of_another_run_can_be_started_from(straight, tmp_path):
    cfg = uda_config(tmp_path / 'run', load_from=str(straight / 'latest.pth'), runner__max_iters=1)
    cfg.optimizer.lr = 0.0
    state = torch.load(train(cfg) / 'latest.pth', weights_only=True)['state_dict']
    weight = 'decode_head.conv_seg.weight'
    loaded = final(straight)['state_dict'][f'model.{weight}']
    assert torch.equal(state[f'model.{weight}'], loaded)
    assert torch.equal(state[f'ema_model.{weight}'], loaded)
    assert not torch.equal(state[f'imnet_model.{weight}'], loaded)


def test_what_follows_the_student_starts_with_the_statistics_of_its_norms_too(tmp_path):
    cfg = uda_config(tmp_path / 'run')
    cfg.model.decode_head.decoder_params.fusion_cfg.norm_cfg = {'type': 'BN'}
    before = {'state_dict': build_model(cfg).state_dict()}
    statistics = [name for name in before['state_dict'] if name.startswith('model.') and 'running_mean' in name]
    for name in statistics:
        before['state_dict'][name].fill_(3.0)
    torch.save(before, tmp_path / 'before.pth')
    cfg.load_from = str(tmp_path / 'before.pth')
    runner = build_runner(cfg)
    state = runner.model.state_dict()
    runner.close()
    assert statistics
    assert all((state[f'ema_{name}'] == 3).all() for name in statistics)


def test_the_optimizer_moves_the_student_alone(straight):
    model = build_model(uda_config('unused'))
    count = sum(1 for parameter in model.model.parameters() if parameter.requires_grad)
    assert len(final(straight)['optimizer']['state']) == count
