"""The runs of the HRDA paper: names of all, settings of some of every kind."""

import csv
from pathlib import Path

import pytest

from mmseg.config.components import check_components
from mmseg.config.load import load_config
from mmseg.config.tables import rows_of
from mmseg.engine import experiments

ROOT = Path(__file__).parents[1]
PUBLISHED = list(csv.DictReader((ROOT / 'tests' / 'data' / 'hrda_experiments.csv').open()))
COUNTS = {'40': 6, '41': 24, '42': 21, '43': 21, '44': 54, '49': 6}
WINDOWS = {'mode': 'slide', 'batched_slide': True, 'crop_size': (1024, 1024), 'stride': (512, 512)}


@pytest.mark.parametrize('exp', COUNTS)
def test_runs_have_the_published_names(exp):
    published = [row for row in PUBLISHED if row['id'] == exp]
    rows = rows_of(exp)
    assert len(rows) == len(published) == COUNTS[exp]
    assert sum(COUNTS.values()) == len(PUBLISHED) == 132
    for run, expected in zip(rows, published, strict=True):
        cfg = run.cfg()
        for key in ('name', 'name_dataset', 'name_architecture', 'name_uda', 'name_opt'):
            assert cfg[key] == expected[key]
        assert (run.seed, cfg['runner']['max_iters']) == (int(expected['seed']), int(expected['max_iters']))


@pytest.fixture
def resolved(tmp_path, monkeypatch, each_network_once):
    """Configs of a table by their names, as they are trained; ``build``: all that they name exists."""
    monkeypatch.setattr(experiments, 'GENERATED', tmp_path / 'generated')

    def load(exp, only=None, *, build=False):
        paths = experiments.write_configs(rows_of(exp, seeds=[0], only=only))
        cfgs = {path.stem: load_config(path) for path in paths}
        for cfg in cfgs.values() if build else ():
            check_components(cfg)
        return cfgs

    return load


@pytest.mark.slow
@pytest.mark.parametrize('exp', ['42', '43', '44'])
def test_the_networks_of_all_runs_are_built(resolved, exp):
    assert resolved(exp, build=True)


@pytest.mark.parametrize(
    ('exp', 'source', 'target'),
    [('40', 'GTADataset SynthiaDataset', 'CityscapesDataset'), ('49', 'CityscapesDataset', 'ACDC DarkZurich')],
)
def test_the_final_runs_have_the_published_settings(resolved, exp, source, target):
    cfgs = resolved(exp, build=exp == '40').values()
    assert len(cfgs) == 2
    for cfg in cfgs:
        train, model = cfg.data.train, cfg.model
        assert train.source.type in source
        assert train.target.type.removesuffix('Dataset') in target
        scales = {'GTADataset': (2560, 1440), 'SynthiaDataset': (2560, 1520), 'CityscapesDataset': (2048, 1024)}
        assert train.source.pipeline[2].img_scale == scales[train.source.type]
        assert train.target.pipeline[1].img_scale == ((2048, 1024) if exp == '40' else (1920, 1080))
        assert cfg.data.val.pipeline[1].img_scale == train.target.pipeline[1].img_scale
        assert train.source.pipeline[3] == {'type': 'RandomCrop', 'crop_size': (1024, 1024), 'cat_max_ratio': 0.75}
        assert train.target.pipeline[2] == {'type': 'RandomCrop', 'crop_size': (1024, 1024)}
        assert train.get('pseudo_margins') == ([30, 240, 30, 30] if exp == '40' else None)
        assert train.rare_class_sampling == {'min_pixels': 3000, 'class_temp': 0.01, 'min_crop_ratio': 2.0}
        assert (model.scales, model.hr_crop_size, model.feature_scale) == ([1, 0.5], [512, 512], 0.5)
        assert (model.crop_coord_divisible, model.hr_slide_overlapping, model.blur_hr_crop) == (8, True, False)
        assert (model.decode_head.type, model.decode_head.hr_loss_weight) == ('HRDAHead', 0.1)
        assert model.test_cfg == WINDOWS
        assert (cfg.uda.alpha, cfg.uda.pseudo_threshold, cfg.uda.imnet_feature_dist_lambda) == (0.999, 0.968, 0.005)
        assert (cfg.optimizer.type, cfg.optimizer.lr) == ('AdamW', 6e-5)


def test_the_sizes_and_switches_of_the_ablation(resolved):
    cfgs = resolved('44')
    assert len(cfgs) == 18

    def one(part):
        (cfg,) = [cfg for name, cfg in cfgs.items() if part in name]
        return cfg

    same = one('sf512x512_cpl2_hrda1-512-01_')  # both views see all of the crop
    assert same.data.train.sync_crop_size == [512, 512]
    assert (same.model.feature_scale, same.model.decode_head.lr_loss_weight) == ('all', 0.1)
    assert same.model.test_cfg.crop_size == (512, 512)
    assert one('sf768x768_cpl2_hrda1-384').model.hr_crop_size == [384, 384]
    half = one('samescale')
    assert (half.model.scales, half.model.feature_scale, half.model.hr_crop_size) == ([1, 1], 1, [256, 256])
    assert half.data.train.source.pipeline[2].img_scale == (1280, 720)
    assert half.data.train.rare_class_sampling.min_crop_ratio == 0.5
    assert one('blurhr').model.blur_hr_crop
    fixed = one('fixedatt').model
    assert (fixed.decode_head.fixed_attention, fixed.hr_slide_overlapping) == (0.5, False)
    assert one('hrda1-512-07').model.decode_head.hr_loss_weight == 0.7
    assert one('sc025').model.scales == [1, 0.25]


def test_runs_without_hrda_learn_from_crops_of_all_sizes(resolved):
    cfgs = resolved('42') | resolved('43')
    assert len(cfgs) == 14
    for name, cfg in cfgs.items():
        assert cfg.model.type == 'EncoderDecoder'
        windows = cfg.model.test_cfg.crop_size[0]
        supervised = 'target-only' in name
        steps = cfg.data.train.pipeline if supervised else cfg.data.train.source.pipeline
        crop = steps[3].crop_size[0] if supervised or 'sf' not in name else cfg.data.train.sync_crop_size[0]
        assert windows == crop == 2 * cfg.model.test_cfg.stride[0]
        assert str(crop) in name or crop == (1024 if 'HR' in name else 512)


def test_other_methods_are_compared_on_deeplab(resolved):
    cfgs = resolved('41', build=True)
    assert [cfg.uda.type for cfg in cfgs.values()] == ['AdvSeg', 'AdvSeg', 'MinEnt', 'MinEnt', *['DACS'] * 4]
    for name, cfg in cfgs.items():
        assert (cfg.optimizer.type, cfg.optimizer.lr) == (('AdamW', 6e-5) if 'dacs' in name else ('SGD', 0.0025))
        head = cfg.model.decode_head
        assert cfg.model.backbone.depth == 101
        assert cfg.model.test_cfg == {'mode': 'whole'}
        assert head.get('single_scale_head', head.type) == 'DLV2Head'
        assert (cfg.data.train.get('pseudo_margins') is None) == ('cpl2' not in name)
    (run,) = rows_of('41', seeds=[0], only='CAug2cs_minent')
    steps = [step['type'] for step in run.cfg()['data']['train']['source']['pipeline']]
    assert steps[5] == 'PhotoMetricDistortion'
