"""Checkpoints that hold only what learned: small, and as good as whole ones with the same pretrained file."""

import copy
import signal

import pytest
import torch

from mmseg.apis import init_segmentor
from mmseg.datasets.label_sets import CAMVID11
from mmseg.engine.checkpoints.publish import publish
from mmseg.engine.stop import Interrupted
from mmseg.engine.train import train
from mmseg.errors import InputError
from mmseg.models.weights.left_out import KEY, LeftOut
from mmseg.registry import MODELS
from tests.engine.pair import run_pair, weights_at_start
from tests.engine.test_train import assert_same_run, final, lines
from tests.engine.test_train_uda import SEGMENTOR, UDA
from tests.engine.tiny import tiny_config

ENCODER = {
    'type': 'TimmBackbone',
    'model_name': 'vit_tiny_patch16_224',
    'settings': {'embed_dim': 16, 'depth': 2, 'num_heads': 2},
    'img_size': 32,
    'out_indices': (0, 1),
    'drop_path_rate': 0.2,
}
RULES = {
    'lora': {'type': 'LoRA', 'layers': ['qkv', 'fc1'], 'rank': 2},
    'soma': {'type': 'SoMA', 'layers': ['qkv', 'fc1'], 'rank': 2},
    'rein': {'type': 'Rein', 'tokens': 3, 'rank': 2},
}


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory):
    """Two files of weights of the encoder."""
    folder, paths = tmp_path_factory.mktemp('pretrained'), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        paths.append(folder / f'encoder{seed}.pth')
        torch.save(MODELS.build(ENCODER).model.state_dict(), paths[-1])
    return paths


def config(work_dir, file, rule, **options):
    model = copy.deepcopy(SEGMENTOR)
    model['backbone'] = {**ENCODER, 'pretrained': str(file)}
    model['decode_head'] |= {'in_channels': [16, 16], 'in_index': [0, 1]}
    model['tuning'] = [RULES[rule]]
    options = {'checkpoint_config__learned_only': True, **options}
    return tiny_config(work_dir, model=model, uda=UDA, evaluation__interval=12, **options)


@pytest.mark.parametrize(
    ('rule', 'precision'),
    [('lora', 'fp32'), *(pytest.param(rule, 'bf16', marks=pytest.mark.slow) for rule in RULES)],
)
def test_a_run_goes_on_from_what_learned_bit_for_bit(rule, precision, pretrained, tmp_path):
    options = {'accumulate': 2, 'precision': precision}
    straight = train(config(tmp_path / 'straight', pretrained[0], rule, **options))
    stop = [{'type': 'KillAt', 'iteration': 7, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(config(tmp_path / 'run', pretrained[0], rule, custom_hooks=stop, **options))
    train(config(tmp_path / 'run', pretrained[0], rule, **options), resume=tmp_path / 'run' / 'latest.pth')
    assert_same_run(straight, tmp_path / 'run')


@pytest.mark.slow
def test_a_run_with_a_frozen_teacher_of_its_own_goes_on_bit_for_bit_without_it(pretrained, tmp_path):
    teacher = {**ENCODER, 'out_indices': (-1,), 'pretrained': str(pretrained[0])}
    term = {'type': 'FeatureAlignment', 'teacher': teacher, 'channels': (8, 16), 'size': 32}

    def learns(work_dir, **options):
        options = {'evaluation': None, 'checkpoint_config__learned_only': True, **options}
        return tiny_config(work_dir, model=SEGMENTOR, uda={**UDA, 'terms': [term]}, **options)

    straight = train(learns(tmp_path / 'straight'))
    stop = [{'type': 'KillAt', 'iteration': 7, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(learns(tmp_path / 'run', custom_hooks=stop))
    train(learns(tmp_path / 'run'), resume=tmp_path / 'run' / 'latest.pth')
    assert_same_run(straight, tmp_path / 'run')
    names = {name for name in final(straight)['state_dict'] if name.startswith('feature_alignment.')}
    assert {name.split('.')[1] for name in names} == {'projection'}


@pytest.fixture(scope='module')
def run(pretrained, tmp_path_factory):
    return train(config(tmp_path_factory.mktemp('run') / 'run', pretrained[0], 'lora'))


@pytest.fixture(scope='module')
def whole(pretrained, tmp_path_factory):
    options = {'checkpoint_config__learned_only': False}
    return train(config(tmp_path_factory.mktemp('whole') / 'run', pretrained[0], 'lora', **options))


def test_saving_less_changes_nothing_of_the_training(run, whole):
    assert lines(whole) == lines(run)
    small, large = final(run)['state_dict'], final(whole)['state_dict']
    assert all(torch.equal(value, large[name]) for name, value in small.items())
    frozen = 'backbone.model.blocks.0.attn.qkv.weight'
    left_out = {name for name in large if name.endswith(frozen)} - small.keys()
    assert left_out == {f'{network}.{frozen}' for network in ('model', 'ema_model', 'imnet_model')}
    assert 'model.backbone.model.blocks.0.attn.qkv.lora_up' in small
    assert 'model.decode_head.conv_seg.weight' in small


def predicted(cfg, checkpoint, **arguments):
    model = init_segmentor(cfg, checkpoint, 'cpu', **arguments)
    torch.manual_seed(3)  # a network that is put together has drawn weights first
    with torch.no_grad():
        return model.encode_decode(torch.rand(1, 3, 32, 32))


@pytest.mark.parametrize('weights', ['student', 'teacher'])
def test_testing_puts_a_network_together(run, whole, pretrained, tmp_path, weights):
    cfg = config(run, pretrained[0], 'lora', data__test={'type': 'CustomDataset', 'classes': CAMVID11.classes})
    expected = predicted(cfg, whole / 'latest.pth', weights=weights)
    assert torch.equal(predicted(cfg, run / 'latest.pth', weights=weights), expected)
    published = publish(run / 'latest.pth', tmp_path / 'out.pth', weights=weights)
    prefix = {'student': 'model.', 'teacher': 'ema_model.'}[weights]
    names = {key.removeprefix(prefix) for key in final(whole)['state_dict'] if key.startswith(prefix)}
    assert torch.load(published, weights_only=True)['state_dict'].keys() == names
    alone = config(run, 'nowhere.pth', 'lora', data__test=cfg.data.test)
    assert torch.equal(predicted(alone, published), expected)


def test_testing_looks_at_the_network_that_a_run_started_from(run, pretrained, tmp_path):
    torch.manual_seed(4)
    first = MODELS.build(config(run, pretrained[1], 'lora').model)
    first.init_weights()
    torch.save({'state_dict': first.state_dict()}, tmp_path / 'first.pth')
    left_out = LeftOut(first)
    small = {'meta': {KEY: left_out.note}, 'state_dict': left_out.reduced(first.state_dict())}
    torch.save(small, tmp_path / 'run.pth')
    options = {'data__test': {'type': 'CustomDataset', 'classes': CAMVID11.classes}}
    cfg = config(run, pretrained[0], 'lora', load_from=str(tmp_path / 'first.pth'), **options)
    assert torch.equal(predicted(cfg, tmp_path / 'run.pth'), predicted(cfg, tmp_path / 'first.pth'))
    with pytest.raises(InputError, match='starts from are others'):
        predicted(config(run, pretrained[0], 'lora', **options), tmp_path / 'run.pth')


def test_other_pretrained_weights_are_refused(run, pretrained, tmp_path):
    with pytest.raises(
        InputError, match=r'latest\.pth holds only what learned.*the weights that the network starts from are others'
    ):
        train(config(run, pretrained[1], 'lora'), resume=run / 'latest.pth')


def test_a_whole_checkpoint_with_other_pretrained_weights_is_not_gone_on_from_as_a_small_one(
    whole, pretrained, tmp_path
):
    cfg = config(tmp_path / 'run', pretrained[1], 'lora', runner__max_iters=13)
    with pytest.raises(InputError, match=r'what keeps its weights in .*latest\.pth is not what the pretrained file'):
        train(cfg, resume=whole / 'latest.pth')


def test_what_learned_alone_is_not_published_without_its_config(run, pretrained, tmp_path):
    state = final(run)
    state['meta']['config'] = None
    torch.save(state, tmp_path / 'bare.pth')
    with pytest.raises(InputError, match=r'bare\.pth holds only what learned, and no config'):
        publish(tmp_path / 'bare.pth', tmp_path / 'out.pth')


def test_frozen_weights_that_no_file_holds_are_refused_before_the_first_iteration(tmp_path):
    cfg = config(tmp_path / 'run', None, 'lora')
    cfg.model.backbone.pretrained = None
    with pytest.raises(InputError, match=r'learned_only=True, but what keeps its weights was read from no file'):
        train(cfg)
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_nothing_to_leave_out_is_said_before_the_first_iteration(tmp_path):
    cfg = tiny_config(tmp_path / 'run', model=SEGMENTOR, checkpoint_config__learned_only=True)
    with pytest.raises(InputError, match=r'checkpoint_config\.learned_only=True, but every parameter'):
        train(cfg)
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_several_processes_start_from_the_pretrained_weights_of_the_first(pretrained, tmp_path):
    cfg = config(tmp_path / 'run', pretrained[0], 'lora', evaluation=None)
    assert run_pair(weights_at_start, cfg, tmp_path / 'weights') == 0
    first, second = (torch.load(tmp_path / f'weights.{rank}', weights_only=True) for rank in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    file = torch.load(pretrained[0], weights_only=True)
    for network in ('model', 'ema_model', 'imnet_model'):
        name = f'{network}.backbone.model.blocks.1.mlp.fc2.weight'
        assert torch.equal(first[name], file['blocks.1.mlp.fc2.weight']), name
