import copy
import json
import math

import pytest
from mmengine.config import Config

from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.datasets.toy import ToyParams
from mmseg.engine.train import train
from tools.work.smoke_configs import FULL_SIZE, cut_crops, draw_pair, on_drawn_data

PUBLISHED = 'gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0'
# Every network of configs/daformer/ at full size, by a config that asks much of it.
FULL_SIZE_RUNS = [
    PUBLISHED,
    'uda_daformer_swinS',
    'uda_daformer_swinB',
    'uda_daformer_swinL224',
    'uda_daformer_convnextS',
    'uda_daformer_convnextB',
    'uda_daformer_convnextL',
    'uper_fcn_swinB_uda_soft_paste_mmd_rare',
    'uper_mae_DAFormer',
    'uper_beit_DAFormer',
]
# One of each family and head; other sizes of the same layers are among the exhaustive tests.
ALWAYS_AT_FULL_SIZE = {PUBLISHED, 'uda_daformer_swinB', 'uda_daformer_convnextB', 'uper_beit_DAFormer'}
SIDE = 96  # of the crops, which are smaller than those of the toy configs

MIT = {'embed_dims': (8, 16, 40, 64), 'depths': (1, 1, 1, 1)}
MIT_CHANNELS = [8, 16, 40, 64]
SWIN = {'embed_dims': 16, 'num_heads': (1, 2, 4, 8), 'depths': (2, 1, 1, 1)}
CHANNELS = [16, 32, 64, 128]
RESNET = {'stem_channels': 8, 'base_channels': 4}
RESNET_CHANNELS = [16, 32, 64, 128]
VIT = {'img_size': (SIDE, SIDE), 'embed_dims': 24, 'num_layers': 4, 'num_heads': 3, 'out_indices': (0, 1, 2, 3)}
WINDOWS = {'mode': 'slide', 'crop_size': (SIDE, SIDE), 'stride': (SIDE, SIDE)}
PYRAMID = {
    'neck': {'embed_dim': 24},
    'decode_head': {'in_channels': [24] * 4, 'channels': 16},
    'auxiliary_head': {'in_channels': 24, 'channels': 16},
    'test_cfg': WINDOWS,
}
# Detail crops of 64 in crops of 96.
DETAIL = {'hr_crop_size': (64, 64), 'test_cfg': {'mode': 'slide', 'crop_size': (SIDE, SIDE), 'stride': (64, 64)}}
TIMM = {'_delete_': True, 'type': 'TimmBackbone', 'model_name': 'pvt_v2_b0', 'out_indices': (0, 1, 2, 3)}


def daformer(in_channels):
    return {'in_channels': in_channels, 'channels': 16, 'decoder_params': {'embed_dims': 16}}


def context(**head):
    return {'in_channels': 128, 'channels': 16, **head}


# Shipped network -> what makes it small enough for a test: depth and width, no part of its structure.
FAMILIES = {
    'daformer_sepaspp_mitb5': {'backbone': MIT, 'decode_head': daformer(MIT_CHANNELS)},
    'daformer_sepaspp_bottleneck_mitb5': {'backbone': MIT, 'decode_head': daformer(MIT_CHANNELS)},
    'daformer_isa_mitb5': {'backbone': MIT, 'decode_head': daformer(MIT_CHANNELS)},
    'segformer_b5': {
        'backbone': MIT,
        'decode_head': {'in_channels': MIT_CHANNELS, 'decoder_params': {'embed_dim': 16}},
    },
    'upernet_mit': {'backbone': MIT, 'decode_head': {'in_channels': MIT_CHANNELS, 'channels': 16}},
    'deeplabv3plus_sfa_nodbn_mitb5': {'backbone': MIT, 'decode_head': context(in_channels=64, c1_in_channels=8)},
    'daformer_sepaspp_swin_base': {'backbone': SWIN, 'decode_head': daformer(CHANNELS)},
    'upernet_swin_base': {
        'backbone': SWIN,
        'decode_head': {'in_channels': CHANNELS, 'channels': 16},
        'auxiliary_head': {'in_channels': 64, 'channels': 16},
    },
    'daformer_sepaspp_convnext_base': {
        'backbone': {'dims': (16, 32, 64, 128), 'depths': (1, 1, 2, 1)},
        'decode_head': daformer(CHANNELS),
    },
    'upernet_beit_base': {'backbone': VIT, **PYRAMID},
    'upernet_mae_base': {'backbone': VIT, **PYRAMID},
    'deeplabv2red_r50-d8': {'backbone': RESNET, 'decode_head': {'in_channels': 128}},
    'deeplabv3plus_r50-d8': {'backbone': RESNET, 'decode_head': context(c1_in_channels=16)},
    'hrda1_daformer_sepaspp_mitb5': {
        'backbone': MIT,
        'decode_head': {**daformer(MIT_CHANNELS), 'attention_embed_dim': 8},
        **DETAIL,
    },
    'hrda1_deeplabv2red_r50-d8': {'backbone': RESNET, 'decode_head': {'in_channels': 128}, **DETAIL},
    'danet_r50-d8': {'backbone': RESNET, 'decode_head': context(pam_channels=8)},
    'isanet_r50-d8': {'backbone': RESNET, 'decode_head': context(isa_channels=8)},
    'segformer_r101': {
        'backbone': {'depth': 50, **RESNET},
        'decode_head': {'in_channels': RESNET_CHANNELS, 'decoder_params': {'embed_dim': 16}},
    },
}
# Encoders and pairs of encoder and head that no shipped network has: (shipped network, changes).
OTHERS = {
    'ResNeXt': ('deeplabv2red_r50-d8', {'backbone': {'type': 'ResNeXt', 'groups': 2, 'base_width': 4}}),
    'ResNeSt': ('deeplabv2red_r50-d8', {'backbone': {'type': 'ResNeSt', 'radix': 2}}),
    'VisionTransformer': (
        'upernet_mae_base',
        {'backbone': {'_delete_': True, 'type': 'VisionTransformer', **VIT, 'drop_path_rate': 0.1}},
    ),
    'DAFormerHead on MAE': (
        'upernet_mae_base',
        {
            'decode_head': {
                '_delete_': True,
                'type': 'DAFormerHead',
                'in_index': [0, 1, 2, 3],
                'num_classes': 19,
                **daformer([24] * 4),
                'decoder_params': {
                    'embed_dims': 16,
                    'embed_cfg': {'type': 'mlp'},
                    'fusion_cfg': {'type': 'conv', 'kernel_size': 1},
                },
            }
        },
    ),
    'TimmBackbone': ('daformer_sepaspp_mitb5', {'backbone': TIMM, 'decode_head': daformer([32, 64, 160, 256])}),
}
THINGS = [6, 7, 11, 12, 13, 14, 15, 16, 17, 18]


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy') / 'pair'
    draw_pair(root, ToyParams(source=6, train=3, val=1, width=256, height=128))
    return root


def small(network, changes=None):
    """The network of a shipped file, made small; ``changes`` come last."""
    shipped = Config.fromfile(SHIPPED_CONFIGS / '_base_' / 'models' / f'{network}.py')
    for overrides in (FAMILIES[network], changes or {}):
        shipped.merge_from_dict({'model': copy.deepcopy(overrides)})
    return shipped.model | {'pretrained': None}


def adapted(work_dir, pair, model):
    """Two iterations of DACS with feature distance around ``model``, then one evaluation; the lines of its log."""
    toy = SHIPPED_CONFIGS / 'toy' / 'daformer.py'
    cfg = on_drawn_data(toy, pair=pair, work_dir=work_dir, iterations=2)
    cut_crops(cfg, SIDE)
    cfg.model = model
    cfg.evaluation = {'interval': 2, 'metric': 'mIoU'}
    cfg.log_config.hooks = [{'type': 'TextLoggerHook', 'by_epoch': False}]
    cfg.uda |= {
        'imnet_feature_dist_lambda': 0.005,
        'imnet_feature_dist_classes': THINGS,
        'imnet_feature_dist_scale_min_ratio': 0.01,
    }
    train(cfg)
    (log,) = work_dir.glob('*.log.json')
    return [json.loads(line) for line in log.read_text().splitlines()]


def assert_adapts(work_dir, pair, model):
    first, second, evaluation = (line for line in adapted(work_dir, pair, model) if 'mode' in line)
    prefixes = {'decode', 'mix.decode', 'src'} | ({'aux', 'mix.aux'} if model.get('auxiliary_head') else set())
    for line in (first, second):
        losses = {name: value for name, value in line.items() if 'loss' in name}
        assert all(math.isfinite(value) for value in losses.values())
        assert all(any(name.startswith(f'{prefix}.') for name in losses) for prefix in prefixes)
    assert second['src.loss_imnet_feat_dist'] > 0
    assert evaluation['mode'] == 'val'
    assert list(work_dir.glob('*.pth')) == []


def kind(network):
    """Encoder, neck, head and auxiliary head of a shipped file; sizes of MiT are alike."""
    model = Config.fromfile(SHIPPED_CONFIGS / '_base_' / 'models' / f'{network}.py').model
    parts = (model[part] for part in ('backbone', 'neck', 'decode_head', 'auxiliary_head') if part in model)
    return tuple(part.type.removesuffix('_b0').removesuffix('_b5') for part in parts)


def test_every_kind_of_shipped_network_is_among_the_families():
    shipped = {path.stem for path in (SHIPPED_CONFIGS / '_base_' / 'models').glob('*.py')}
    assert len(shipped) >= 26
    assert {kind(network) for network in shipped} == {kind(network) for network in FAMILIES}


@pytest.mark.parametrize('network', FAMILIES)
def test_every_shipped_network_adapts_when_cut_to_size(tmp_path, pair, network):
    assert_adapts(tmp_path / 'run', pair, small(network))


@pytest.mark.parametrize('name', OTHERS)
def test_other_encoders_take_their_place(tmp_path, pair, name):
    assert_adapts(tmp_path / 'run', pair, small(*OTHERS[name]))


def network_of(config):
    model = load_config(config).model
    return repr((model.backbone, model.decode_head, model.get('auxiliary_head')))


def test_every_network_of_the_adaptation_configs_is_among_the_full_size_runs():
    folder = SHIPPED_CONFIGS / 'daformer'
    chosen = [network_of(folder / f'{config}.py') for config in FULL_SIZE_RUNS]
    assert len(set(chosen)) == len(chosen)
    assert {network_of(path) for path in folder.glob('*.py')} == set(chosen)


@pytest.fixture(scope='module')
def large_pair(tmp_path_factory):
    root = tmp_path_factory.mktemp('full_size') / 'pair'
    draw_pair(root, FULL_SIZE)
    return root


@pytest.mark.parametrize(
    'config',
    [
        pytest.param(config, marks=pytest.mark.slow if config in ALWAYS_AT_FULL_SIZE else pytest.mark.exhaustive)
        for config in FULL_SIZE_RUNS
    ],
)
def test_a_network_runs_two_iterations_at_full_depth_and_width(tmp_path, large_pair, config):
    """The published network on its crops of 512x512; the others on a quarter of the pixels, through the same layers."""
    path, run = SHIPPED_CONFIGS / 'daformer' / f'{config}.py', tmp_path / 'run'
    cfg = on_drawn_data(path, pair=large_pair, work_dir=run, iterations=2, options={'uda.fuse_forward': False})
    if config != PUBLISHED:
        cut_crops(cfg, 256)
    train(cfg)
    (log,) = run.glob('*.log.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [line['loss'] for line in lines if line.get('mode') == 'train']
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)
    assert list(run.glob('*.pth')) == []
