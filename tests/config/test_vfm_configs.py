"""The recipes of foundation encoders: they load, and their parts train when cut to size."""

import pytest

from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.config.tables import rows_of
from mmseg.engine.train import train
from tests.engine.test_train import lines
from tests.engine.tiny import tiny_config

CONFIGS = sorted((SHIPPED_CONFIGS / 'vfm').glob('*.py'))
VIT = {'embed_dim': 16, 'depth': 4, 'num_heads': 2}
CONVNEXT = {'dims': (8, 8, 8, 16), 'depths': (1, 1, 1, 1)}


def small(path):
    """Model and method of a config with encoders of 16 channels and weights that are drawn."""
    cfg = load_config(path)
    convnext = cfg.model.backbone.model_name.startswith('convnext')
    cfg.model.backbone.pretrained = None
    cfg.model.backbone.settings = CONVNEXT if convnext else VIT
    if cfg.model.backbone.type == 'ViTAdapter':
        cfg.model.backbone.width = 8
    head = cfg.model.decode_head
    several = not isinstance(head.in_channels, int)
    head.in_channels = (list(CONVNEXT['dims']) if convnext else [16] * 4) if several else 16
    head.channels, head.num_classes = 8 if convnext else 2, 11
    cfg.model.test_cfg = {'mode': 'whole'}
    for term in cfg.uda.terms:
        if term.type == 'FeatureAlignment':
            term.teacher.pretrained, term.teacher.settings = None, VIT
            term.channels, term.size = (16, 16), 32
    return cfg


def test_every_recipe_is_in_the_table():
    assert len(CONFIGS) == 8
    assert {row.name for row in rows_of('vfm', seeds=[0])} == {f'{path.stem}_s0' for path in CONFIGS}


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_recipe_trains_two_iterations_cut_to_size(path, tmp_path):
    cfg = small(path)
    run = tiny_config(tmp_path / 'run', model=cfg.model, uda=cfg.uda, runner__max_iters=2, evaluation=None)
    run.optimizer, run.lr_config, run.log_config.interval = cfg.optimizer, cfg.lr_config, 1
    logged = lines(train(run))['train', 2]
    assert 'masked.decode.loss_seg' in logged
    assert ('target.loss_feature_alignment' in logged) == ('pp' in path.stem)
