"""Configs of several domains, few labels, no source and no target: they train when cut to size."""

import copy

import pytest
import torch

from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.engine.train import train
from mmseg.registry import MODELS
from tests.engine.test_train import lines
from tests.engine.test_train_uda import SEGMENTOR
from tests.engine.tiny import tiny_config
from tests.own_data.users import CLASSES, images_of, loaded, pipelines, user_config, write_domain

GENERALISATION = sorted((SHIPPED_CONFIGS / 'dg').glob('*.py'))
DOMAINS = sorted((SHIPPED_CONFIGS / 'domains').glob('*.py'))
STEPS = pipelines()
LOG = {'interval': 1, 'hooks': [{'type': 'TextLoggerHook'}]}


def test_the_configs_are_those_of_the_docs():
    assert [path.stem for path in GENERALISATION] == [
        'gta2all_dinov2_l_frozen', 'gta2all_dinov2_l_lora', 'gta2all_dinov2_l_soma', 'gta2all_dinov3_l_soma',
    ]  # fmt: skip
    assert [path.stem for path in DOMAINS] == [
        'gta2cs_few_labels_daformer_mitb5', 'gta2cs_source_free_daformer_mitb5', 'gta_synthia2cs_daformer_mitb5',
    ]  # fmt: skip
    note = 'NOT measured'
    assert all(note in ' '.join(path.read_text().split()) for path in (*GENERALISATION, *DOMAINS))


def small(path):
    """Model and method of a config, with an encoder of 16 channels and 4 blocks whose weights are drawn."""
    cfg = load_config(path)
    cfg.model.backbone.pretrained = None
    cfg.model.backbone.settings = {'embed_dim': 16, 'depth': 4, 'num_heads': 2}
    cfg.model.backbone.out_indices = (0, 1, 2, 3)
    cfg.model.neck.embed_dim = 16
    head = cfg.model.decode_head
    head.in_channels, head.channels, head.num_classes, head.decoder_params.embed_dims = [16] * 4, 8, 11, 8
    for rule in cfg.model.tuning:
        rule.update({key: value for key, value in {'rank': 2, 'first_block': 1}.items() if key in rule})
    cfg.model.test_cfg = {'mode': 'whole'}
    return cfg


@pytest.mark.slow
@pytest.mark.parametrize('path', GENERALISATION, ids=lambda path: path.stem)
def test_every_recipe_of_generalisation_trains_two_iterations_cut_to_size_and_evaluates_its_teacher(path, tmp_path):
    cfg = small(path)
    torch.save(MODELS.build(cfg.model.backbone).model.state_dict(), tmp_path / 'encoder.pth')
    cfg.model.backbone.pretrained = str(tmp_path / 'encoder.pth')
    run = tiny_config(tmp_path / 'run', model=cfg.model, uda=cfg.uda, runner__max_iters=2)
    run.optimizer, run.lr_config, run.log_config.interval = cfg.optimizer, cfg.lr_config, 1
    run.checkpoint_config = cfg.checkpoint_config
    run.evaluation = {**cfg.evaluation, 'interval': 2}
    run.data.val = {'day': {'type': 'TinyImages', 'size': 1}, 'night': {'type': 'TinyImages', 'size': 1}}
    folder = train(run)
    assert {'day/mIoU', 'night/mIoU'} <= lines(folder)['val', 2].keys()
    assert 'teacher at last (iteration 2)' in next(folder.glob('*.log')).read_text()
    state = torch.load(folder / 'latest.pth', weights_only=True)['state_dict']
    frozen = [name for name in state if 'blocks.0.attn.qkv.weight' in name]
    assert not frozen  # what did not learn is in the pretrained file


def on_small_images(part, root, names):
    """The description of data, with every data set of files in a folder of ours."""
    if isinstance(part, list | tuple):
        return [on_small_images(one, root, names) for one in part]
    labelled = part.get('ann_dir') is not None
    more = {'ann_dir': 'lab'} if labelled else {}
    more |= {'split': str(root / 'few.txt')} if part.get('split') else {}
    return images_of(root / next(names), STEPS['labelled' if labelled else 'unlabelled'], **more)


@pytest.mark.slow
@pytest.mark.parametrize('path', DOMAINS, ids=lambda path: path.stem)
def test_every_config_of_several_domains_trains_two_iterations_on_small_images(path, tmp_path):
    for name in 'abc':
        write_domain(tmp_path / name)
    (tmp_path / 'few.txt').write_text('0\n1\n')
    cfg = load_config(path)
    described = copy.deepcopy(cfg.data.train.to_dict())
    names = iter('acb')
    for key in ('source', 'labelled_target', 'target'):
        if described.get(key):
            described[key] = on_small_images(described[key], tmp_path, names)
    if described.get('rare_class_sampling'):
        described['rare_class_sampling'] = {**described['rare_class_sampling'], 'min_pixels': 10}
    uda = {**cfg.uda.to_dict(), 'pseudo_weight_ignore_top': 1, 'pseudo_weight_ignore_bottom': 1}
    uda |= {'pseudo_threshold': 0.3}  # two iterations make no network sure
    uda.pop('imnet_feature_dist_classes', None)
    head = {**SEGMENTOR['decode_head'], 'num_classes': len(CLASSES)}
    start = None
    two = {'type': 'IterBasedRunner', 'max_iters': 2}
    if cfg.load_from:
        start = str(train(loaded(user_config(tmp_path, runner=two), tmp_path / 'first')) / 'latest.pth')
    data = {'samples_per_gpu': 2, 'workers_per_gpu': 0, 'train': described}
    file = user_config(
        tmp_path, data=data, uda=uda, runner=two, load_from=start, log_config=LOG, evaluation=None,
        model={**SEGMENTOR, 'decode_head': head}, lr_config=cfg.lr_config.to_dict(),
    )  # fmt: skip
    assert lines(train(loaded(file, tmp_path / 'run')))['train', 2]['loss'] > 0
