"""Training by two processes, against one process that computes the same by hand."""

import copy
import math
import signal
from pathlib import Path

import pytest
import torch

from mmseg.datasets.loader import build_dataset, build_test_loader, build_train_loader
from mmseg.engine.chance import seed_everything
from mmseg.engine.optim import build_optim_wrapper
from mmseg.engine.schedule import build_schedule
from mmseg.engine.train import build_model, train
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import evaluate
from tests.engine.pair import run_pair, train_in_turn
from tests.engine.test_train import assert_same_run, final, lines
from tests.engine.test_train_uda import SEGMENTOR, UDA
from tests.engine.tiny import tiny_config

RECORDED = [{'type': 'Recorder'}]
# Nothing that a sample's neighbours in the batch, or chance, have a part in.
PLAIN = copy.deepcopy(SEGMENTOR)
PLAIN['backbone']['drop_path_rate'] = PLAIN['decode_head']['dropout_ratio'] = 0.0
NORMALISED, SYNCHRONISED = copy.deepcopy(SEGMENTOR), copy.deepcopy(SEGMENTOR)
NORMALISED['decode_head']['decoder_params']['fusion_cfg']['norm_cfg'] = {'type': 'BN', 'requires_grad': True}
SYNCHRONISED['decode_head']['decoder_params']['fusion_cfg']['norm_cfg'] = {'type': 'SyncBN', 'requires_grad': True}
# With a teacher of its own; nothing is removed, which an encoder that starts without biases could not stand.
MASKED = {'type': 'MaskedConsistency', 'alpha': 0.5, 'block_size': 8, 'ratio': 0.0}
QUEUED = UDA | {'type': 'DACSPlus', 'mmd': {'weight': 0.1, 'queue': 6}, 'terms': [MASKED]}


def dacs_config(work_dir):
    """Five iterations, then an evaluation of five images."""
    options = {'runner__max_iters': 5, 'log_config__interval': 5, 'data__val__size': 5}
    return tiny_config(work_dir, model=NORMALISED, uda=UDA, evaluation__interval=5, custom_hooks=RECORDED, **options)


def source_only_config(work_dir, **options):
    """Two iterations without chance, then an evaluation of a single image."""
    options = {'runner__max_iters': 2, 'log_config__interval': 1, 'data__val__size': 1, **options}
    return tiny_config(work_dir, model=PLAIN, custom_hooks=RECORDED, **options)


DUAL = UDA | {
    'type': 'DSP',
    'soft_paste': False,
    'projection': 4,
    'imnet_feature_dist_lambda': 0.0,
    'mmd': {'weight': 0.1, 'queue': 6},
    'masked_mmd': {'weight': 0.1, 'queue': 4, 'estimate': 'biased'},
}


def dual_config(work_dir, **options):
    """DSP with the queues of both of its discrepancies."""
    images = {'type': 'TinyImages', 'second_source': True}
    saving = {'checkpoint_config__interval': 4, 'evaluation__interval': 4}
    return tiny_config(work_dir, model=SEGMENTOR, uda=DUAL, data__train=images, **saving, **options)


def queued_config(work_dir, **options):
    return tiny_config(work_dir, model=SEGMENTOR, uda=QUEUED, accumulate=2, evaluation__interval=4, **options)


def rivals_config(work_dir, **options):
    """A discriminator with an optimizer of its own, whose term is the last one."""
    return tiny_config(work_dir, model=SEGMENTOR, uda={'type': 'AdvSeg'}, evaluation=None, **options)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """All runs of two processes, made by one pair; and what they said in the end, by run and process."""
    root = tmp_path_factory.mktemp('pair')
    stop = [{'type': 'KillSecondAt', 'iteration': 7, 'number': int(signal.SIGTERM)}]
    stopped = queued_config(root / 'resumed', custom_hooks=stop)
    plans = {
        'dacs': (dacs_config(root / 'dacs'), {}),
        'source_only': (source_only_config(root / 'source_only'), {}),
        'straight': (queued_config(root / 'straight'), {}),
        'stopped': (stopped, {}),
        'resumed': (queued_config(root / 'resumed'), {'resume': root / 'resumed' / 'latest.pth'}),
        'sabotaged': (tiny_config(root / 'sabotaged', sabotage=True), {}),
        'poisoned': (tiny_config(root / 'poisoned', custom_hooks=[{'type': 'PoisonSecond'}]), {}),
        'spoiled': (tiny_config(root / 'spoiled', custom_hooks=[{'type': 'SpoilBufferOfSecond'}], evaluation=None), {}),
        'synchronised': (tiny_config(root / 'synchronised', model=SYNCHRONISED), {}),
    }
    assert run_pair(train_in_turn, list(plans.values()), root / 'answers') == 0
    answers = [torch.load(root / f'answers.{rank}') for rank in (0, 1)]
    return root, dict(zip(plans, zip(*answers, strict=True), strict=True))


def recorded(work_dir: Path, rank: int) -> dict:
    return torch.load(work_dir / f'recorded_{rank}.pt', weights_only=True, map_location='cpu')


def test_student_and_teacher_are_the_same_in_both_processes_after_five_steps(runs):
    root, answers = runs
    assert answers['dacs'] == ('', '')
    one, other = (recorded(root / 'dacs', rank)['state'] for rank in (0, 1))
    parameters = [name for name, _ in build_model(dacs_config('unused')).named_parameters()]
    assert any(name.startswith('ema_model.') for name in parameters)
    assert all(torch.equal(one[name], other[name]) for name in parameters)
    moved = 'model.decode_head.conv_seg.weight'
    assert not torch.equal(one[moved], one[f'ema_{moved}'])


def test_processes_see_different_samples_and_all_of_the_stream(runs):
    root, _ = runs
    one, other = (recorded(root / 'source_only', rank)['files'] for rank in (0, 1))
    assert [[name for name in batch if 'source' in name] for batch in one] == [
        ['source_0.png', 'source_1.png'],
        ['source_4.png', 'source_5.png'],
    ]
    assert [[name for name in batch if 'source' in name] for batch in other] == [
        ['source_2.png', 'source_3.png'],
        ['source_6.png', 'source_7.png'],
    ]


def test_source_only_gradients_are_those_of_one_process_with_the_doubled_batch(runs, tmp_path):
    root, _ = runs
    single = recorded(train(source_only_config(tmp_path / 'run', data__samples_per_gpu=4)), 0)['gradients']
    for rank in (0, 1):
        pair = recorded(root / 'source_only', rank)['gradients']
        assert len(pair) == len(single) == 2
        for mine, doubled in zip(pair, single, strict=True):
            assert mine.keys() == doubled.keys()
            assert max(gradient.abs().max() for gradient in mine.values()) > 1e-3
            for name, gradient in mine.items():
                torch.testing.assert_close(gradient, doubled[name], rtol=1e-4, atol=1e-6, msg=name)


def half_batches_in_turn(cfg):
    """The run of two processes in one: two replicas get a half-batch each, and both the mean of their gradients.

    Yields the gradients of every step, by name.
    """
    seed_everything(cfg.seed)
    model = build_model(cfg)
    model.init_weights()
    replicas = [model, copy.deepcopy(model)]
    wrappers = [build_optim_wrapper(replica, cfg.optimizer) for replica in replicas]
    dataset, schedule = build_dataset(cfg.data.train), build_schedule(cfg.lr_config, cfg.runner.max_iters)
    split = {'samples_per_gpu': 2, 'workers_per_gpu': 0, 'seed': cfg.seed, 'world_size': 2}
    batches = [iter(build_train_loader(dataset, rank=rank, **split)) for rank in (0, 1)]
    for iteration in range(cfg.runner.max_iters):
        for rank, (replica, wrapper) in enumerate(zip(replicas, wrappers, strict=True)):
            wrapper.step = lambda: None  # not before both have their gradients
            batch = next(batches[rank])
            seed_everything(cfg.seed, iteration, rank)
            replica.train().train_step(batch, wrapper)
        trained = [dict(replica.model.named_parameters(prefix='model')) for replica in replicas]
        for name, parameter in trained[0].items():
            if parameter.grad is not None:
                mean = (parameter.grad + trained[1][name].grad) / 2
                parameter.grad, trained[1][name].grad = mean, mean.clone()
        yield {name: p.grad.clone() for name, p in trained[0].items() if p.grad is not None}
        for wrapper in wrappers:
            for group in wrapper.param_groups:
                group['lr'] = schedule(iteration, group['initial_lr'])
            wrapper.optimizer.step()


def test_dacs_gradients_are_the_means_over_half_batches_run_one_after_another(runs):
    root, _ = runs
    by_hand = list(half_batches_in_turn(dacs_config('unused')))
    for rank in (0, 1):
        pair = recorded(root / 'dacs', rank)['gradients']
        assert len(pair) == len(by_hand) == 5
        for step, (mine, expected) in enumerate(zip(pair, by_hand, strict=True)):
            assert mine.keys() == expected.keys()
            for name, gradient in mine.items():
                torch.testing.assert_close(
                    gradient, expected[name], rtol=1e-4, atol=1e-6, msg=lambda m, s=step, n=name: f'{s} {n}: {m}'
                )


@pytest.mark.parametrize(('run', 'images', 'iteration'), [('dacs', 5, 5), ('source_only', 1, 2)])
def test_evaluation_is_that_of_one_process_to_the_last_pixel(runs, run, images, iteration):
    root, _ = runs
    cfg = dacs_config('unused') if run == 'dacs' else source_only_config('unused')
    model = build_model(cfg)
    model.load_state_dict(torch.load(root / run / 'latest.pth', weights_only=True)['state_dict'])
    dataset = build_dataset(cfg.data.val)
    assert len(dataset) == images
    metrics = evaluate(model, build_test_loader(dataset, workers_per_gpu=0), dataset, progress=False)
    logged = lines(root / run)['val', iteration]
    for name, value in metrics.summary(dataset.label_set).items():
        assert logged[name] == (None if math.isnan(value) else round(value / 100, 4)), name


def test_logged_losses_are_means_over_the_processes(runs):
    root, _ = runs
    one, other = (recorded(root / 'dacs', rank)['losses'] for rank in (0, 1))
    assert one != other
    assert lines(root / 'dacs')['train', 5]['loss'] == pytest.approx(sum(one + other) / 10, rel=1e-6)


def test_one_process_writes(runs):
    root, _ = runs
    names = [path.name for path in (root / 'dacs').iterdir() if not path.name.startswith('recorded')]
    assert sum(name.endswith('.log.json') for name in names) == 1
    assert sum(name.endswith('.log') for name in names) == 1
    assert {'dacs.json', 'iter_5.pth', 'latest.pth', 'environment.txt'} < set(names)
    assert len(lines(root / 'dacs')) == 2
    assert 'processes: 2' in (root / 'dacs' / 'environment.txt').read_text()


def test_a_signal_to_one_process_stops_both_and_the_resumed_run_is_the_same_bit_for_bit(runs):
    root, answers = runs
    assert answers['straight'] == answers['resumed'] == ('', '')
    for answer in answers['stopped']:
        assert answer.startswith('Interrupted: Stopped by signal 15 after iteration 7 of 12; the state is saved.')
    assert lines(root / 'resumed') == lines(root / 'straight')
    one, other = final(root / 'straight'), final(root / 'resumed')
    assert one['state_dict'].keys() == other['state_dict'].keys()
    for name, value in one['state_dict'].items():
        assert torch.equal(value, other['state_dict'][name]), name
    queues = [state['processes'][1]['buffers']['mmd.queues.0.source'] for state in (one, other)]
    assert torch.equal(*queues)
    assert not torch.equal(queues[0], one['state_dict']['mmd.queues.0.source'])  # each process has its own


def test_a_run_of_which_one_process_is_killed_goes_on_bit_for_bit_with_two_queues(tmp_path):
    killed = dual_config(tmp_path / 'run', custom_hooks=[{'type': 'KillSecondAt', 'iteration': 6}])
    assert run_pair(train_in_turn, [(killed, {})], tmp_path / 'none') == 128 + signal.SIGKILL
    assert torch.load(tmp_path / 'run' / 'latest.pth', weights_only=True)['meta']['iter'] == 4
    plans = [
        (dual_config(tmp_path / 'straight'), {}),
        (dual_config(tmp_path / 'run'), {'resume': tmp_path / 'run'}),
    ]
    assert run_pair(train_in_turn, plans, tmp_path / 'answers') == 0
    assert torch.load(tmp_path / 'answers.0') == ['', '']
    assert_same_run(tmp_path / 'straight', tmp_path / 'run')
    one, other = (final(tmp_path / name)['processes'][1]['buffers'] for name in ('straight', 'run'))
    assert one.keys() == other.keys()
    assert {'mmd.queues.0.source', 'masked_mmd.queues.0.mixed'} < one.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize('config', [queued_config, rivals_config])
def test_networks_are_those_of_a_plain_exchange_behind_the_last_way_back_bit_for_bit(tmp_path, config):
    runs = {'overlapped': False, 'plain': True}
    plans = [(config(tmp_path / name, plain_exchange=plain), {}) for name, plain in runs.items()]
    assert run_pair(train_in_turn, plans, tmp_path / 'answers') == 0
    assert torch.load(tmp_path / 'answers.1') == ['', '']
    assert_same_run(tmp_path / 'overlapped', tmp_path / 'plain')


def test_another_number_of_processes_is_refused(runs):
    root, _ = runs
    with pytest.raises(InputError, match=r'made by 2 process.*resumed by 1.*Go on with --gpus 2'):
        train(queued_config(root / 'resumed'), resume=root / 'resumed' / 'latest.pth')


def test_gradients_that_are_not_averaged_are_found_out(runs):
    root, answers = runs
    for answer in answers['sabotaged']:
        assert answer.startswith('ReplicasDiffer: After iteration 1 the networks of the processes differ, first ')
        assert 'backbone.0.weight' in answer
        assert 'of process 1 are not those of process 0' in answer
    assert not (root / 'sabotaged' / 'latest.pth').exists()


def test_a_loss_that_is_no_number_in_one_process_stops_both(runs):
    root, answers = runs
    for answer in answers['poisoned']:
        assert answer.startswith('NonFiniteLoss: The loss is not finite from iteration 3 on')
        assert 'source_10.png' in answer  # that of the second process
    assert (root / 'poisoned' / 'non_finite.pth').is_file()


def test_a_buffer_of_one_process_that_is_infinite_is_found_before_the_checkpoint(runs):
    root, answers = runs
    for answer in answers['spoiled']:
        assert answer.startswith('NonFiniteState: The state is not finite after iteration 6')
        assert 'backbone.1.running_mean' in answer
    assert not (root / 'spoiled' / 'latest.pth').exists()


def test_synchronised_batch_norm_is_refused_on_cpus_by_one_voice(runs):
    root, answers = runs
    first, second = answers['synchronised']
    assert first.startswith("InputError: decode_head.fuse_layer.bn is a norm of type 'SyncBN'")
    assert "norm_cfg.type='BN'" in first
    assert second == first.replace('InputError', 'RepeatedError', 1)
    assert not (root / 'synchronised').exists()


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason='needs two GPUs')
@pytest.mark.parametrize('norm', ['SyncBN', 'BN'])  # with SyncBN gradients go behind the way back, else in it
def test_two_gpus_train_one_network(tmp_path, norm):
    model = SYNCHRONISED if norm == 'SyncBN' else NORMALISED
    cfg = tiny_config(tmp_path / 'run', model=model, uda=UDA, custom_hooks=RECORDED)
    assert run_pair(train_in_turn, [(cfg, {})], tmp_path / 'answers', start_method='spawn') == 0
    assert [torch.load(tmp_path / f'answers.{rank}') for rank in (0, 1)] == [[''], ['']]
    one, other = (recorded(tmp_path / 'run', rank)['state'] for rank in (0, 1))
    parameters = [name for name, _ in build_model(cfg).named_parameters()]
    assert all(torch.equal(one[name], other[name]) for name in parameters)
    mean = 'model.decode_head.fuse_layer.bn.running_mean'
    assert norm == 'BN' or torch.equal(one[mean], other[mean])


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason='needs two GPUs')
def test_on_two_gpus_gradients_that_go_in_the_way_back_are_those_of_a_plain_exchange(tmp_path):
    plans = [
        (tiny_config(tmp_path / name, model=PLAIN, uda=UDA, custom_hooks=RECORDED, plain_exchange=name == 'plain'), {})
        for name in ('overlapped', 'plain')
    ]
    assert run_pair(train_in_turn, plans, tmp_path / 'answers', start_method='spawn') == 0
    runs = [recorded(tmp_path / name, 0)['gradients'] for name in ('overlapped', 'plain')]
    for step, (mine, expected) in enumerate(zip(*runs, strict=True)):
        assert mine.keys() == expected.keys()
        for name, gradient in mine.items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-2, atol=1e-4, msg=f'{step} {name}')
