from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg.config.components import build_without_memory, check_components
from mmseg.config.load import load_config
from mmseg.config.rules import value_at
from mmseg.config.schema import DEFAULTS
from tests import parity
from tests.config.test_users_configs import ALL as USERS_CONFIGS

CONFIGS = Path(__file__).parents[2] / 'configs'
BASES = sorted((CONFIGS / '_base_').rglob('*.py'))
RUNS = sorted(file for file in CONFIGS.glob('*/*.py') if file.parent.name not in ('_base_', 'generated'))
DAFORMER = CONFIGS / 'daformer'
FINAL = DAFORMER / 'gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py'


def name_of(path: Path) -> str:
    return path.relative_to(CONFIGS).as_posix()


# Users' configs name these as their bases.
NAMED_BASES = {
    'datasets/cityscapes_half_512x512.py',
    'datasets/cityscapes_to_acdc_512x512.py',
    'datasets/cityscapes_to_darkzurich_512x512.py',
    'datasets/gta_to_cityscapes_512x512.py',
    'datasets/synthia_to_cityscapes_512x512.py',
    'datasets/uda_cityscapes_to_acdc_512x512.py',
    'datasets/uda_cityscapes_to_darkzurich_512x512.py',
    'datasets/uda_gta_to_cityscapes_512x512.py',
    'datasets/uda_synthia_to_cityscapes_512x512.py',
    'default_runtime.py',
    'models/daformer_aspp_mitb5.py',
    'models/daformer_conv1_mitb5.py',
    'models/daformer_isa_mitb5.py',
    'models/daformer_sepaspp_bottleneck_mitb5.py',
    'models/daformer_sepaspp_mitb5.py',
    'models/danet_r50-d8.py',
    'models/deeplabv2_r50-d8.py',
    'models/deeplabv2red_r50-d8.py',
    'models/deeplabv3plus_r50-d8.py',
    'models/isanet_r50-d8.py',
    'models/segformer_b5.py',
    'models/segformer_r101.py',
    'models/upernet_ch256_mit.py',
    'models/upernet_mit.py',
    'schedules/adamw.py',
    'schedules/poly10.py',
    'schedules/poly10warm.py',
    'uda/dacs.py',
    'uda/dacs_a999_fdthings.py',
    'uda/dacs_fd.py',
    'uda/dacs_fdthings.py',
}


def test_the_files_that_users_name_are_among_those_found():
    assert NAMED_BASES - {path.relative_to(CONFIGS / '_base_').as_posix() for path in BASES} == set()
    assert {path.stem for path in RUNS if path.parent == DAFORMER} == {
        'gta2cs_oracle_daformer_mitb5_s0',
        'gta2cs_source-only_daformer_mitb5_s0',
        *USERS_CONFIGS,
    }


@pytest.mark.parametrize('path', [*BASES, *RUNS], ids=name_of)
def test_every_file_begins_with_a_note(path):
    assert path.read_text().startswith('"""')


@pytest.mark.parametrize('path', sorted(DAFORMER.glob('*.py')), ids=name_of)
def test_every_run_of_the_paper_says_how_it_is_started(path):
    assert f'python run_experiments.py --config {path.relative_to(CONFIGS.parent).as_posix()}' in path.read_text()


@pytest.mark.usefixtures('each_network_once')
@pytest.mark.parametrize('path', RUNS, ids=name_of)
def test_every_run_resolves_all_its_parts_exist_and_fit_each_other(path):
    cfg = load_config(path)
    assert cfg.name == path.stem
    check_components(cfg)


@pytest.mark.parametrize('path', [path for path in BASES if path.parent.name == 'models'], ids=name_of)
def test_every_network_is_built_without_memory(path):
    network = build_without_memory(Config.fromfile(path).model)
    assert all(tensor.is_meta for tensor in network.parameters())


@pytest.mark.usefixtures('each_network_once')
@pytest.mark.parametrize('path', [path for path in BASES if path.parent.name == 'datasets'], ids=name_of)
def test_every_data_set_file_makes_a_run_complete(path, tmp_path):
    run = tmp_path / 'run.py'
    others = ('models/segformer_b5', 'schedules/adamw', 'schedules/poly10')
    bases = [str(path), *(str(CONFIGS / '_base_' / f'{other}.py') for other in others)]
    run.write_text(f"_base_ = {bases}\nrunner = dict(type='IterBasedRunner', max_iters=1)")
    cfg = load_config(run)
    check_components(cfg)
    assert (cfg.data.train.type == 'UDADataset') == path.name.startswith('uda_')


@pytest.mark.parametrize('path', [path for path in BASES if path.name.startswith('uda_')], ids=name_of)
def test_target_labels_appear_nowhere_in_adaptation(path):
    target = Config.fromfile(path).data.train.target
    assert 'ann_dir' not in target
    assert 'LoadAnnotations' not in [step.type for step in target.pipeline]


@pytest.mark.parametrize(
    ('file', 'dataset', 'size'),
    [
        ('uda_gta_to_cityscapes_512x512', 'source', (1280, 720)),
        ('uda_gta_to_cityscapes_512x512', 'target', (1024, 512)),
        ('uda_synthia_to_cityscapes_512x512', 'source', (1280, 760)),
        ('uda_synthia_to_cityscapes_512x512', 'target', (1024, 512)),
        ('uda_cityscapes_to_acdc_512x512', 'source', (1024, 512)),
        ('uda_cityscapes_to_acdc_512x512', 'target', (960, 540)),
        ('uda_cityscapes_to_darkzurich_512x512', 'source', (1024, 512)),
        ('uda_cityscapes_to_darkzurich_512x512', 'target', (960, 540)),
    ],
)
def test_images_are_resized_as_in_the_published_runs(file, dataset, size):
    data = Config.fromfile(CONFIGS / '_base_' / 'datasets' / f'{file}.py').data
    steps = {step.type: step for step in data.train[dataset].pipeline}
    assert steps['Resize'].img_scale == size
    assert steps['RandomCrop'].crop_size == (512, 512)
    assert steps['RandomCrop'].get('cat_max_ratio') == (0.75 if dataset == 'source' else None)
    if dataset == 'target':
        assert data.test.pipeline[1].img_scale == size


# The constants of the paper (arXiv 2111.14887, sections 3 and 4.1) and of the published run, written out.
PAPER = {
    'seed': 0,
    'n_gpus': 1,
    'runner.max_iters': 40000,
    'data.samples_per_gpu': 2,
    'data.train.source.type': 'GTADataset',
    'data.train.target.type': 'CityscapesDataset',
    'data.train.rare_class_sampling.class_temp': 0.01,
    'data.train.rare_class_sampling.min_pixels': 3000,
    'data.train.rare_class_sampling.min_crop_ratio': 0.5,
    'data.test.img_dir': 'leftImg8bit/val',
    'uda.type': 'DACS',
    'uda.alpha': 0.999,
    'uda.pseudo_threshold': 0.968,
    'uda.pseudo_weight_ignore_top': 15,
    'uda.pseudo_weight_ignore_bottom': 120,
    'uda.imnet_feature_dist_lambda': 0.005,
    'uda.imnet_feature_dist_classes': [6, 7, 11, 12, 13, 14, 15, 16, 17, 18],
    'uda.imnet_feature_dist_scale_min_ratio': 0.75,
    'uda.mix': 'class',
    'uda.blur': True,
    'uda.color_jitter_strength': 0.2,
    'uda.color_jitter_probability': 0.2,
    'optimizer.type': 'AdamW',
    'optimizer.lr': 6e-5,
    'optimizer.betas': (0.9, 0.999),
    'optimizer.weight_decay': 0.01,
    'optimizer.paramwise_cfg.custom_keys': {'head': {'lr_mult': 10.0}, 'norm': {'decay_mult': 0.0}},
    'optimizer_config': {},
    'lr_config.policy': 'poly',
    'lr_config.power': 1.0,
    'lr_config.min_lr': 0.0,
    'lr_config.warmup': 'linear',
    'lr_config.warmup_iters': 1500,
    'lr_config.warmup_ratio': 1e-6,
    'evaluation': {'interval': 4000, 'metric': 'mIoU'},
    'checkpoint_config': {'by_epoch': False, 'interval': 4000, 'max_keep_ckpts': 1, 'minutes': 30},
    'precision': 'fp32',
    'model.pretrained': 'pretrained/mit_b5.pth',
    'model.backbone': {'type': 'mit_b5'},
    'model.test_cfg': {'mode': 'whole'},
    'model.decode_head.type': 'DAFormerHead',
    'model.decode_head.channels': 256,
    'model.decode_head.dropout_ratio': 0.1,
    'model.decode_head.decoder_params.embed_dims': 256,
    'model.decode_head.decoder_params.fusion_cfg.type': 'aspp',
    'model.decode_head.decoder_params.fusion_cfg.sep': True,
    'model.decode_head.decoder_params.fusion_cfg.dilations': (1, 6, 12, 18),
    'model.decode_head.decoder_params.fusion_cfg.pool': False,
}


def test_the_final_config_has_the_values_of_the_paper():
    resolved = load_config(FINAL).to_dict()
    assert {key: value_at(resolved, key) for key in PAPER} == PAPER


def test_the_final_method_has_the_weights_of_a_published_checkpoint():
    cfg = load_config(FINAL)
    names = set(build_without_memory(cfg.model, cfg.uda).state_dict())
    assert set(parity.manifest('uda_dacs_mitb5_daformer_sepaspp')) - names == set()


@pytest.mark.parametrize('name', ['source-only', 'oracle'])
def test_what_adaptation_is_compared_with_differs_in_data_only(name):
    final, other = load_config(FINAL), load_config(DAFORMER / f'gta2cs_{name}_daformer_mitb5_s0.py')
    assert other.uda is None
    assert other.data.train.type == {'source-only': 'GTADataset', 'oracle': 'CityscapesDataset'}[name]
    for key in ('model', 'optimizer', 'lr_config', 'runner', 'evaluation', 'seed'):
        assert other[key] == final[key]
    assert other.data.test == final.data.test


def test_the_default_runtime_says_what_the_defaults_say():
    runtime = Config.fromfile(CONFIGS / '_base_' / 'default_runtime.py').to_dict()
    assert {key: DEFAULTS[key] for key in runtime if key != 'cudnn_benchmark'} == {
        key: value for key, value in runtime.items() if key != 'cudnn_benchmark'
    }
