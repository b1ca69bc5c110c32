import copy
import json

import pytest
import torch
from torch import nn

from mmseg.engine.checkpoints.optimizer_state import lacks_moments
from mmseg.engine.optim import StudentOptimWrapper, build_optim_wrapper, build_optimizer
from mmseg.engine.param_groups import (
    ParamwiseRules,
    learning_share,
    param_groups,
    rates_by_depth,
    trained_parameters,
    unmatched_keys,
)
from mmseg.errors import InputError
from mmseg.models.backbones.base import Backbone
from mmseg.models.networks import Network, Role
from tests.models.networks import build
from tests.parity import golden


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.ModuleDict({'proj': nn.Linear(2, 2), 'norm1': nn.LayerNorm(2)})
        self.decode_head = nn.ModuleDict({'conv': nn.Linear(2, 2), 'norm': nn.LayerNorm(2)})


class Rivals(nn.Module):
    """A student, and a network with an optimizer of its own."""

    def __init__(self):
        super().__init__()
        self.model, self.rival = nn.Linear(2, 1, bias=False), nn.Linear(1, 1)

    def networks(self):
        own = {'type': 'Adam', 'lr': 0.01, 'betas': (0.5, 0.9)}
        return [Network('model', self.model, Role.LEARNS), Network('rival', self.rival, Role.LEARNS, optimizer=own)]


class Method(nn.Module):
    def __init__(self):
        super().__init__()
        self.model, self.ema_model, self.imnet_model = Encoder(), Encoder(), Encoder()
        self.projection = nn.Linear(2, 2)

    def networks(self):
        roles = {'model': Role.LEARNS, 'ema_model': Role.FOLLOWS, 'imnet_model': Role.FROZEN}
        return [Network(name, getattr(self, name), role) for name, role in roles.items()]


def named(module, optimizer):
    """Full name -> (lr, weight decay) of what the optimizer moves."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }


def skeleton(names):
    """A module that has a parameter of every given name."""
    root = nn.Module()
    for name in names:
        *path, leaf = name.split('.')
        module = root
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_parameter(leaf, nn.Parameter(torch.zeros(1)))
    return root


def test_groups_give_each_parameter_the_rates_of_the_reference():
    case = golden('param_groups')
    names = json.loads(str(case.arrays['names']))
    cfg = case.config['optimizer']
    student = [name for name in names if name.startswith('model.')]
    module = skeleton(student)
    optimizer = build_optimizer(module, cfg)
    rates = named(module, optimizer)
    assert rates.keys() == set(student)
    for name, lr_mult, decay in zip(names, case.arrays['lr_mult'], case.arrays['weight_decay'], strict=True):
        if name in rates:
            assert rates[name] == pytest.approx((lr_mult * cfg['lr'], decay)), name
    assert len(optimizer.param_groups) == 3  # backbone, its norms, head
    assert unmatched_keys(module, cfg) == ['pos_block']


def test_only_what_descends_is_in_the_optimizer():
    method = Method()
    method.model.backbone['proj'].bias.requires_grad_(False)
    names = {name for name, _, _ in trained_parameters(method)}
    assert {name.split('.')[0] for name in names} == {'model', 'projection'}
    assert 'model.backbone.proj.bias' not in names


def test_a_longer_custom_key_wins_and_decides_alone():
    rules = ParamwiseRules(custom_keys={'head': {'lr_mult': 10.0}, 'head.norm': {'decay_mult': 0.0}})
    module = Encoder()
    groups = param_groups(module, lr=1.0, weight_decay=0.1, rules=rules)
    rates = named(module, torch.optim.SGD(groups))
    assert rates['decode_head.conv.weight'] == (10.0, 0.1)
    assert rates['decode_head.norm.weight'] == (1.0, 0.0)


def test_norms_and_biases_have_rules_where_no_custom_key_names_them():
    rules = ParamwiseRules(custom_keys={'head': {}}, norm_decay_mult=0.0, bias_lr_mult=2.0, bias_decay_mult=0.5)
    module = Encoder()
    rates = named(module, torch.optim.SGD(param_groups(module, lr=1.0, weight_decay=0.1, rules=rules)))
    assert rates['backbone.norm1.weight'] == rates['backbone.norm1.bias'] == (1.0, 0.0)
    assert rates['backbone.proj.bias'] == (2.0, 0.05)
    assert rates['backbone.proj.weight'] == rates['decode_head.conv.bias'] == (1.0, 0.1)


@pytest.mark.parametrize(
    ('cfg', 'words'),
    [
        ({'type': 'AdamWW', 'lr': 1.0}, "'AdamW'"),
        ({'type': 'AdamW', 'lr': 1.0, 'weigth_decay': 0.1}, "'weight_decay'"),
        ({'type': 'AdamW'}, 'lr'),
        ({'type': 'SGD', 'lr': 1.0, 'paramwise_cfg': {'custom_key': {}}}, "'custom_keys'"),
        ({'type': 'SGD', 'lr': 1.0, 'paramwise_cfg': {'custom_keys': {'head': {'lr_mul': 2}}}}, "'lr_mult'"),
    ],
)
def test_a_wrong_optimizer_config_is_refused_by_name(cfg, words):
    with pytest.raises(InputError, match=words):
        build_optimizer(Encoder(), cfg)


def test_a_network_without_trained_parameters_is_refused():
    with pytest.raises(InputError, match='Nothing to train'):
        build_optimizer(Encoder().requires_grad_(False), {'type': 'SGD', 'lr': 1.0})


def test_bfloat16_autocasts_the_forward_and_keeps_float32_weights():
    layer = nn.Linear(4, 4)
    wrapper = build_optim_wrapper(layer, {'type': 'AdamW', 'lr': 0.1}, precision='bf16')
    with wrapper.optim_context(layer):
        output = layer(torch.randn(2, 4))
    assert output.dtype == torch.bfloat16
    wrapper.backward(output.float().sum())
    wrapper.step()
    assert layer.weight.dtype == torch.float32


def test_half_precision_needs_a_gpu():
    with pytest.raises(InputError, match='bf16'):
        build_optim_wrapper(nn.Linear(1, 1), {'type': 'SGD', 'lr': 0.1}, precision='fp16')


def test_gradients_are_clipped_to_the_given_norm():
    layer = nn.Linear(2, 1, bias=False)
    before = layer.weight.detach().clone()
    config = {'grad_clip': {'max_norm': 1.0, 'norm_type': 2}}
    wrapper = build_optim_wrapper(layer, {'type': 'SGD', 'lr': 1.0}, optimizer_config=config)
    wrapper.backward(layer(torch.tensor([[3.0, 4.0]])).sum())
    wrapper.step()
    torch.testing.assert_close(before - layer.weight, torch.tensor([[0.6, 0.8]]))


def test_gradients_that_wait_for_more_survive_saving():
    def wrapped():
        torch.manual_seed(0)
        layer = nn.Linear(2, 1, bias=False)
        return layer, StudentOptimWrapper(torch.optim.SGD(layer.parameters(), lr=1.0), accumulate=2)

    layer, wrapper = wrapped()
    wrapper.update_params(layer(torch.tensor([[2.0, 0.0]])).sum())
    resumed_layer, resumed = wrapped()
    resumed.load_state_dict(wrapper.state_dict())
    resumed.initialize_count_status(resumed_layer, 1, 10)
    for each_layer, each in ((layer, wrapper), (resumed_layer, resumed)):
        each.update_params(each_layer(torch.tensor([[0.0, 4.0]])).sum())
    assert torch.equal(layer.weight, resumed_layer.weight)
    torch.manual_seed(0)
    torch.testing.assert_close(nn.Linear(2, 1, bias=False).weight - layer.weight, torch.tensor([[1.0, 2.0]]))


@pytest.mark.parametrize(
    ('cfg', 'said'), [({'lr': 0.5}, 'had lr=1.0 .* has 0.5'), ({'weight_decay': 0.1}, 'weight_decay')]
)
def test_a_run_is_not_resumed_with_other_settings(cfg, said):
    def wrapped(**changed):
        return build_optim_wrapper(nn.Linear(2, 1), {'type': 'AdamW', 'lr': 1.0, 'betas': [0.9, 0.99], **changed})

    state = wrapped().state_dict()
    wrapped(betas=(0.9, 0.99)).load_state_dict(state)
    with pytest.raises(InputError, match=said):
        wrapped(**cfg).load_state_dict(state)


def test_gradients_of_several_terms_add_up_also_where_a_term_leaves_one_out():
    first, second, third = (nn.Parameter(torch.tensor([value])) for value in (1.0, 2.0, 3.0))
    wrapper = StudentOptimWrapper(torch.optim.SGD([first, second, third], lr=0.1))
    wrapper.backward((first * second).sum())
    wrapper.backward((5 * second + 7 * third).sum())
    assert [p.grad.tolist() for p in (first, second, third)] == [[2.0], [1.0 + 5.0], [7.0]]


def test_moments_of_other_parameters_are_refused_before_the_first_step():
    network = nn.Linear(3, 2)
    wrapper = build_optim_wrapper(network, {'type': 'AdamW', 'lr': 0.1})
    wrapper.update_params(network(torch.ones(1, 3)).sum())
    state = copy.deepcopy(wrapper.state_dict())
    wrapper.load_state_dict(copy.deepcopy(state))
    state['state'][0]['exp_avg'] = torch.zeros(5)
    with pytest.raises(ValueError, match=r'exp_avg of parameter 0 is \(5,\), not \(2, 3\)'):
        wrapper.load_state_dict(state)


class OfBlocks(Encoder):
    """Two encoder blocks behind a stem, without a norm of their own."""

    def __init__(self):
        super().__init__()
        self.backbone = build({'type': 'mit_b0', 'embed_dims': (8, 16, 40, 64), 'depths': (1, 1, 1, 1)})


def test_blocks_learn_the_slower_the_further_they_are_from_the_head():
    model = OfBlocks()
    rules = {
        'layer_decay': 0.5,
        'custom_keys': {'backbone': {'lr_mult': 0.1}, 'backbone.norm': {'lr_mult': 0.1, 'decay_mult': 0}},
    }
    optimizer = build_optimizer(model, {'type': 'AdamW', 'lr': 1.0, 'weight_decay': 0.01, 'paramwise_cfg': rules})
    rates = named(model, optimizer)
    assert rates['decode_head.conv.weight'] == (1.0, 0.01)
    assert rates['backbone.block4.0.mlp.fc1.weight'] == (0.1, 0.01)
    assert rates['backbone.norm4.weight'] == (0.1, 0)
    assert rates['backbone.block1.0.mlp.fc1.weight'] == (pytest.approx(0.1 * 0.5**3), 0.01)
    assert rates['backbone.patch_embed1.proj.weight'] == (pytest.approx(0.1 * 0.5**4), 0.01)
    lines = rates_by_depth(model, optimizer.param_groups)
    assert lines == ['stem: 0.00625', 'block 1: 0.0125', 'block 2: 0.025', 'block 3: 0.05', 'block 4: 0.1']


def test_what_follows_or_is_frozen_is_not_counted_among_what_learns():
    method = Method()
    whole = sum(p.numel() for p in method.model.parameters()) + sum(p.numel() for p in method.projection.parameters())
    assert learning_share(method) == (whole, whole)
    method.model.backbone['proj'].requires_grad_(False)
    assert learning_share(method) == (whole - 6, whole)


@pytest.mark.parametrize('decay', [0, 1.5, 'slow'])
def test_a_layer_decay_outside_of_its_range_is_refused(decay):
    cfg = {'type': 'AdamW', 'lr': 1.0, 'paramwise_cfg': {'layer_decay': decay}}
    with pytest.raises(InputError, match='layer_decay'):
        build_optimizer(OfBlocks(), cfg)


def test_an_encoder_that_does_not_say_where_its_blocks_are_is_named():
    class Plain(Backbone):
        def draw_weights(self):
            pass

        def forward(self, x):
            return [x]

    model = Encoder()
    model.backbone = Plain()
    cfg = {'type': 'AdamW', 'lr': 1.0, 'paramwise_cfg': {'layer_decay': 0.9}}
    with pytest.raises(InputError, match=r'layer_decay: Plain does not say where its blocks are.*custom_keys'):
        build_optimizer(model, cfg)


def rivals(**options):
    torch.manual_seed(0)
    module = Rivals()
    return module, build_optim_wrapper(module, {'type': 'SGD', 'lr': 1.0, 'momentum': 0.9}, **options)


def move(module, wrapper, value):
    """One step of both on an input of ``value``."""
    wrapper.zero_grad()
    wrapper.backward(module.rival(module.model(torch.full((1, 2), value))).sum())
    wrapper.step()


def test_a_network_with_an_optimizer_of_its_own_is_moved_by_that_alone():
    module, wrapper = rivals()
    assert {name for name, _, _ in trained_parameters(module)} == {'model.weight'}
    own = wrapper.param_groups[-1]
    assert (own['initial_lr'], own['betas']) == (0.01, (0.5, 0.9))
    assert [p for group in wrapper.param_groups for p in group['params']] == list(module.parameters())
    before = copy.deepcopy(module)
    own['lr'] = 0.005  # as a schedule sets it
    move(module, wrapper, 1.0)
    torch.testing.assert_close(before.model.weight - module.model.weight, before.rival.weight.expand(1, 2))
    torch.testing.assert_close(
        (before.rival.bias - module.rival.bias).detach(), torch.tensor([0.005])
    )  # Adam: lr * sign


def test_the_states_of_several_optimizers_are_saved_as_one_and_taken_over():
    straight, wrapper = rivals(accumulate=1)
    move(straight, wrapper, 1.0)
    resumed, other = rivals()
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    state = copy.deepcopy(wrapper.state_dict())
    assert list(state['state']) == [0, 1, 2]
    assert [group['params'] for group in state['param_groups']] == [[0], [1, 2]]
    other.load_state_dict(state)
    for module, each in ((straight, wrapper), (resumed, other)):
        for group in each.param_groups:
            group['lr'] = 0.5 * group['initial_lr']
        move(module, each, -2.0)
    torch.testing.assert_close(straight.state_dict(), resumed.state_dict(), rtol=0, atol=0)
    state['param_groups'].pop()
    with pytest.raises(ValueError, match='other groups of parameters'):
        other.load_state_dict(state)


def test_gradients_of_each_optimizer_are_clipped_by_their_own_norm():
    module, wrapper = rivals(optimizer_config={'grad_clip': {'max_norm': 0.1}})
    move(module, wrapper, 100.0)
    assert module.model.weight.grad.norm().item() == pytest.approx(0.1, rel=1e-4)
    assert torch.cat([p.grad.flatten() for p in module.rival.parameters()]).norm().item() == pytest.approx(
        0.1, rel=1e-4
    )


def stepped():
    network = nn.Linear(3, 2)
    wrapper = build_optim_wrapper(network, {'type': 'AdamW', 'lr': 0.1})
    wrapper.update_params(network(torch.ones(1, 3)).sum())
    return wrapper, copy.deepcopy(wrapper.state_dict())


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda state: state['state'][0].update(exp_avg=torch.zeros(2, 3, dtype=torch.int32)), 'no plain numbers'),
        (lambda state: state['state'][0].update(exp_avg=torch.zeros(1).expand(2, 3)), 'no plain numbers'),
        (lambda state: state['state'][0].update(exp_avg=None), 'exp_avg of parameter 0 is None'),
        (lambda state: state['state'][0].update(exp_avg=[1]), r'exp_avg of parameter 0 is \[1\]'),
        (lambda state: state['state'][0].update(step=torch.tensor([1.0, 2.0])), 'the step of parameter 0'),
        (lambda state: state['state'][0].update(step=torch.tensor(-5.0)), 'the step of parameter 0'),
        (lambda state: state['state'].update({7: state['state'][0]}), 'a state of parameter 7, of 2'),
        (lambda state: state['param_groups'][0].update(params=[1, 0]), 'other parameters than 0..1'),
        (lambda state: state['param_groups'][0].update(params=[0, 0]), 'other parameters than 0..1'),
        (lambda state: state['param_groups'][0].update(lr='x'), "learning rate of its optimizer is 'x'"),
    ],
)
def test_a_state_that_would_be_taken_for_another_is_refused(change, said):
    wrapper, state = stepped()
    change(state)
    with pytest.raises(ValueError, match=said):
        wrapper.load_state_dict(state)


def test_how_an_optimizer_works_is_said_by_the_config_and_not_by_a_state():
    wrapper, state = stepped()
    state['param_groups'][0].update(maximize=True, foreach='x')
    wrapper.load_state_dict(state)
    assert wrapper.param_groups[0]['maximize'] is False
    assert wrapper.param_groups[0]['foreach'] is None


def test_moments_are_missed_only_where_an_optimizer_keeps_some():
    wrapper, state = stepped()
    assert not lacks_moments(wrapper.param_groups, state)
    assert lacks_moments(wrapper.param_groups, state | {'state': {}})
    assert not lacks_moments([{'momentum': 0}], {'state': {}})
