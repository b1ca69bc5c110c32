from functools import cache
from pathlib import Path

import pytest

from mmseg.config.components import build_without_memory, check_components
from mmseg.config.load import load_config
from mmseg.engine.param_groups import unmatched_keys

DAFORMER = Path(__file__).parents[2] / 'configs' / 'daformer'

SOURCE_ONLY = ['daformer_swinB_src', 'daformer_convnextB_src', 'mitb_5_src']
ORACLE = ['daformer_swinB_oral', 'daformer_convnextB_oral']
PLAIN_DACS = ['daformer_swinB_uda', 'daformer_convnextB_uda', 'uper_mae_uda', 'uper_beit_uda']
WHOLE_DAFORMER = [
    'uda_daformer_swinS',
    'uda_daformer_swinB',
    'uda_daformer_swinL224',
    'uda_daformer_convnextS',
    'uda_daformer_convnextB',
    'uda_daformer_convnextL',
    'uper_mae_DAFormer',
    'uper_beit_DAFormer',
    'uper_beit_DAFomer',
    'gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0',
]
# With soft mixing, pasting or MMD: their tests are those of the methods; here they are named.
VARIANTS_OF_DACS = [
    'daformer_swinB_uda_soft',
    'daformer_swinB_uda_soft_paste',
    'daformer_swinB_uda_soft_paste_mmd',
    'daformer_swinB_uda_soft_paste_mmd_rare',
    'daformer_convnextB_uda_soft_paste_mmd',
    'daformer_convnextB_uda_soft_paste_mmd_rare',
    'uper_fcn_swinB_uda_soft_paste_mmd_rare',
]
VARIANTS_OF_DAFORMER = [
    'uda_daformer_swinL224_mmd',
    'uda_daformer_swinL224_mmd_soft',
    'uda_daformer_swinB_soft',
    'uda_daformer_swinB_soft_mmd',
    'uda_daformer_swinB_soft_paste',
    'uda_daformer_swinB_soft_paste_mmd',
    'uda_daformer_swinS_soft_mmd',
    'uda_daformer_convnextS_soft_mmd',
    'uda_daformer_convnextB_soft_mmd',
    'uda_daformer_convnextB_soft_paste',
]
PLAIN = [*SOURCE_ONLY, *ORACLE, *PLAIN_DACS, *WHOLE_DAFORMER]
ALL = [*PLAIN, *VARIANTS_OF_DACS, *VARIANTS_OF_DAFORMER]

ENCODERS = {  # part of the name -> registry name, channels of the first stage, drop path
    'swinS': ('SwinTransformer', 96, 0.2),
    'swinB': ('SwinTransformer', 128, 0.3),
    'swinL224': ('SwinTransformer', 192, 0.2),
    'convnextS': ('ConvNeXt', 96, 0.3),
    'convnextB': ('ConvNeXt', 128, 0.4),
    'convnextL': ('ConvNeXt', 192, 0.4),
    'mae': ('MAE', 768, 0.1),
    'beit': ('BEiT', 768, 0.1),
}


@cache
def load(name):
    return load_config(DAFORMER / f'{name}.py')


def encoder_of(name):
    return next((part for part in ENCODERS if part in name), None)


def test_there_are_thirty_six_names_and_each_is_a_file():
    assert len(ALL) == len(set(ALL)) == 36
    assert [name for name in ALL if not (DAFORMER / f'{name}.py').is_file()] == []


@pytest.mark.parametrize('name', ALL)
def test_the_encoder_is_the_one_in_the_name(name):
    backbone = load(name).model.backbone
    part = encoder_of(name)
    if part is None:
        assert backbone.type == 'mit_b5'
        return
    kind, channels, drop_path = ENCODERS[part]
    width = backbone.embed_dims if 'embed_dims' in backbone else backbone.dims[0]
    assert (backbone.type, width, backbone.drop_path_rate) == (kind, channels, drop_path)


@pytest.mark.parametrize('name', ALL)
def test_rates_optimizer_and_length_are_those_of_the_table(name):
    cfg = load(name)
    assert cfg.optimizer.type == 'AdamW'
    assert cfg.optimizer.lr == (8e-5 if 'convnext' in name else 6e-5)
    assert (cfg.optimizer.weight_decay, cfg.optimizer.betas) == (0.01, (0.9, 0.999))
    assert cfg.optimizer.paramwise_cfg.custom_keys['head'] == {'lr_mult': 10.0}
    assert (cfg.runner.max_iters, cfg.data.samples_per_gpu, cfg.seed) == (40000, 2, 0)


@pytest.mark.parametrize('name', [*SOURCE_ONLY, *ORACLE])
def test_src_learns_from_gta_labels_and_oral_from_those_of_cityscapes(name):
    cfg = load(name)
    assert cfg.uda is None
    assert cfg.data.train.type == ('CityscapesDataset' if name in ORACLE else 'GTADataset')
    assert cfg.data.train.pipeline[2].img_scale == ((1024, 512) if name in ORACLE else (1280, 720))


@pytest.mark.parametrize('name', PLAIN_DACS)
def test_uda_is_plain_dacs(name):
    cfg = load(name)
    assert (cfg.uda.type, cfg.uda.alpha, cfg.uda.imnet_feature_dist_lambda) == ('DACS', 0.99, 0)
    assert (cfg.uda.pseudo_weight_ignore_top, cfg.uda.pseudo_weight_ignore_bottom) == (0, 0)
    assert cfg.data.train.get('rare_class_sampling') is None


@pytest.mark.parametrize('name', WHOLE_DAFORMER)
def test_uda_daformer_is_the_final_training_around_another_network(name):
    cfg, final = load(name), load(WHOLE_DAFORMER[-1])
    for key in ('uda', 'data', 'lr_config', 'runner', 'evaluation', 'checkpoint_config'):
        assert cfg[key] == final[key], key


@pytest.mark.parametrize('name', [*SOURCE_ONLY[:2], *ORACLE, *PLAIN_DACS])
def test_without_warm_up_no_learning_rate_ever_rises(name):
    assert load(name).lr_config.to_dict() == {'policy': 'poly', 'power': 1.0, 'min_lr': 0.0, 'by_epoch': False}


def test_the_short_name_of_the_source_only_run_has_its_warm_up():
    cfg, other = load('mitb_5_src'), load('gta2cs_source-only_daformer_mitb5_s0')
    assert cfg.lr_config.warmup_iters == 1500
    for key in ('model', 'data', 'optimizer', 'lr_config', 'runner', 'uda'):
        assert cfg[key] == other[key]


def test_both_spellings_are_one_run():
    one, other = load('uper_beit_DAFormer').to_dict(), load('uper_beit_DAFomer').to_dict()
    assert {key for key in one if one[key] != other[key]} == {'name'}


VIT = [name for name in ALL if name.startswith(('uper_mae', 'uper_beit'))]


@pytest.mark.parametrize('name', VIT)
def test_plain_transformers_are_tested_in_windows_and_their_heads_read_what_the_neck_gives(name):
    model = load(name).model
    assert model.test_cfg.to_dict() == {'mode': 'slide', 'crop_size': (512, 512), 'stride': (341, 341)}
    assert model.backbone.img_size == (512, 512)
    assert model.decode_head.in_channels == [model.neck.embed_dim] * 4
    assert model.auxiliary_head.in_channels == model.neck.embed_dim
    assert model.pretrained is not None


def test_pretrained_branches_of_mae_count_in_full():
    assert load('uper_mae_uda').model.backbone.init_values == 1.0


@pytest.mark.parametrize('name', ['uda_daformer_swinB', 'uda_daformer_convnextB', 'uper_mae_DAFormer'])
def test_every_rule_of_the_optimizer_finds_its_parameters(name):
    cfg = load(name)
    network = build_without_memory(cfg.model)
    assert unmatched_keys(network, cfg.optimizer) == []


@pytest.mark.parametrize(
    ('name', 'key', 'value'),
    [
        ('daformer_swinB_uda', 'lr_config.min_lr', 1e-4),
        ('daformer_convnextB_src', 'lr_config.min_lr', 1e-4),
        ('uper_mae_uda', 'model.backbone.init_values', 0.1),
    ],
)
def test_an_earlier_value_is_one_option_away_and_the_note_says_which(name, key, value):
    cfg = load_config(DAFORMER / f'{name}.py', {key: value})
    check_components(cfg)
    note = ' '.join((DAFORMER / f'{name}.py').read_text().split('"""')[1].split())
    assert f'--cfg-options {key}={value:g}'.replace('0.0001', '1e-4') in note
