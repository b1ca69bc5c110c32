import copy

import pytest
import timm.layers
import torch
import torchvision.ops
from torch import nn
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.layers import DropPath
from mmseg.models.uda.teacher import ParameterList, ema_alpha, freeze_stochastic_layers, update_ema, warmed_up
from tests.models.uda.tiny import batch, dacs, segmentor, sgd
from tests.parity import golden, make_input

REFERENCE = golden('uda_ema')


class Pair(nn.Module):
    """The parameters and the buffer of the reference's case."""

    def __init__(self, who: str) -> None:
        super().__init__()
        for name, shape in [('w', (4, 5)), ('b', (6,)), ('s', ())]:
            setattr(self, name, nn.Parameter(make_input(f'uda_ema.shared.{who}.{name}', shape)))
        self.register_buffer('buf', make_input(f'uda_ema.shared.{who}.buf', (3,)))


@pytest.mark.parametrize('alpha', REFERENCE.config['alphas'])
@pytest.mark.parametrize('step', REFERENCE.config['iters'])
def test_one_update_of_the_teacher_is_the_reference_s(alpha, step):
    student, teacher = Pair('student'), Pair('teacher')
    update_ema(list(teacher.parameters()), list(student.parameters()), ema_alpha(step, alpha))
    for name, value in teacher.state_dict().items():
        if (alpha, step) == (0.999, 10000) and name in ('w', 'b'):
            continue  # the stored arrays of this last case were overwritten: they are those of `init`
        expected = REFERENCE.tensor(f'alpha_{alpha}.iter_{step}.{name}')
        torch.testing.assert_close(value, expected.view(value.shape), rtol=1e-5, atol=1e-6)


def test_the_first_update_copies_the_student_bit_for_bit_but_not_its_buffers():
    student, teacher = Pair('student'), Pair('teacher')
    buffer = teacher.buf.clone()
    update_ema(list(teacher.parameters()), list(student.parameters()), ema_alpha(0, 0.999))
    assert all(torch.equal(p, q) for p, q in zip(teacher.parameters(), student.parameters(), strict=True))
    assert torch.equal(teacher.buf, buffer)


@pytest.mark.parametrize(
    ('step', 'alpha'), [(0, 0.0), (1, 0.5), (9, 0.9), (998, 1 - 1 / 999), (999, 0.999), (10**6, 0.999)]
)
def test_the_teacher_is_the_mean_of_all_students_until_it_is_warm(step, alpha):
    assert ema_alpha(step, 0.999) == pytest.approx(alpha, rel=1e-12)


@pytest.mark.parametrize('alpha', [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])
def test_a_warm_teacher_moves_with_alpha(alpha):
    assert ema_alpha(warmed_up(alpha), alpha) == alpha


class FusedAttention(nn.Module):
    """Passes its dropout layer's rate on, and looks at its own mode: what timm's attention does."""

    def __init__(self) -> None:
        super().__init__()
        self.attn_drop = nn.Dropout(0.5)

    def forward(self, x):
        return F.scaled_dot_product_attention(x, x, x, dropout_p=self.attn_drop.p if self.training else 0.0)


class SelfAttention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x)[0]


class FunctionalDrop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop_rate = 0.5

    def forward(self, x):
        return F.dropout(x, self.drop_rate, self.training)


DROPPING = {
    'Dropout': nn.Dropout(0.5),
    'Dropout1d': nn.Dropout1d(0.5),
    'AlphaDropout': nn.AlphaDropout(0.5),
    'our DropPath': DropPath(0.5),
    'timm DropPath': timm.layers.DropPath(0.5),
    'timm DropBlock2d': timm.layers.DropBlock2d(0.5, block_size=1),
    'timm PatchDropout': timm.layers.PatchDropout(0.5),
    'torchvision StochasticDepth': torchvision.ops.StochasticDepth(0.5, 'row'),
    'torch MultiheadAttention': SelfAttention(8, 2, dropout=0.5),
    'fused attention': FusedAttention(),
    'functional': FunctionalDrop(),
}


@pytest.mark.parametrize('kind', DROPPING)
def test_every_kind_of_dropping_is_found_and_stays_off(kind):
    layer = nn.Sequential(copy.deepcopy(DROPPING[kind])).train()
    x = torch.rand(8, 8, 8, 8) if kind == 'timm DropBlock2d' else torch.rand(8, 8, 8)
    assert not all(torch.equal(layer(x), layer(x)) for _ in range(10)), 'the test would prove nothing'
    freeze_stochastic_layers(layer)
    layer.train()
    outputs = [layer(x) for _ in range(10)]
    assert all(torch.equal(outputs[0], out) for out in outputs)
    torch.testing.assert_close(outputs[0], layer.eval()(x))


def test_a_dropping_layer_with_a_rate_we_do_not_know_is_reported():
    class DropWeirdly(nn.Module):
        chance = 0.3

    with pytest.raises(TypeError, match=r'1 \(DropWeirdly\)'):
        freeze_stochastic_layers(nn.Sequential(nn.ReLU(), DropWeirdly()))


def test_the_teacher_predicts_without_dropout_while_the_student_has_it():
    model = dacs(model=segmentor(drop=0.5, dropout_ratio=0.5))
    img = batch()['img']
    assert not torch.equal(model.model(img), model.model(img))
    assert torch.equal(model.ema_model(img), model.ema_model(img))
    model.train()  # the loop does this before every iteration
    assert torch.equal(model.ema_model(img), model.ema_model(img))
    assert model.ema_model.training


def test_the_teacher_s_batch_norms_advance_their_own_buffers():
    model = dacs()
    for _ in range(3):
        model.train_step(batch(), sgd(model))
    student, teacher = (network.decode_head.fuse_layer.bn for network in (model.model, model.ema_model))
    assert student.num_batches_tracked.item() == 6  # it sees source and mixed images
    assert teacher.num_batches_tracked.item() == 3
    assert not torch.equal(student.running_mean, teacher.running_mean)


def test_the_teacher_follows_the_student_by_ema_only():
    model = dacs(alpha=0.6)
    optimizer = sgd(model)
    first = copy.deepcopy(list(model.model.parameters()))
    model.train_step(batch(0), optimizer)  # t = 0: the teacher is the initial student
    assert all(torch.equal(p, q) for p, q in zip(model.ema_model.parameters(), first, strict=True))
    second = copy.deepcopy(list(model.model.parameters()))
    model.train_step(batch(1), optimizer)  # t = 1: alpha_t = 0.5
    third = copy.deepcopy(list(model.model.parameters()))
    model.train_step(batch(2), optimizer)  # t = 2: alpha_t = min(2 / 3, 0.6)
    for phi, a, b, c in zip(model.ema_model.parameters(), first, second, third, strict=True):
        torch.testing.assert_close(phi, 0.6 * (a + b) / 2 + 0.4 * c)
        assert phi.grad is None


def test_the_counter_is_the_only_key_beyond_the_networks_and_survives_a_resume():
    model = dacs()
    for _ in range(3):
        model.train_step(batch(), sgd(model))
    state = model.state_dict()
    assert [key for key in state if not key.startswith(('model.', 'ema_model.'))] == ['iteration']
    assert state['iteration'].item() == 3
    resumed = dacs(seed=1)
    resumed.load_state_dict(state)
    assert resumed.steps == 3
    first, second = (m.train_step(batch(5), sgd(m)) for m in map(seeded, (model, resumed)))
    assert first == second


def seeded(model):
    torch.manual_seed(5)
    return model


def test_the_host_s_counter_is_what_is_saved_on_any_device():
    model = dacs()
    model.train_step(batch(), sgd(model))
    assert model.to('meta').state_dict()['iteration'].device.type == 'meta'
    assert model.steps == 1


def test_a_published_checkpoint_without_counter_has_a_warm_teacher(monkeypatch):
    said = []
    monkeypatch.setattr('mmseg.models.uda.teacher.print_log', lambda message, *_: said.append(message))
    model = dacs(alpha=0.99)
    state = {key: value + 1 for key, value in model.state_dict().items() if key != 'iteration'}
    model.load_state_dict(state)
    assert said == ['The checkpoint has no iteration counter: its teacher counts as warmed up.']
    teacher = model.ema_model.decode_head.conv_seg.weight.clone()
    with torch.no_grad():
        model.model.decode_head.conv_seg.weight.zero_()
    model.train_step(batch(), sgd(model))
    torch.testing.assert_close(model.ema_model.decode_head.conv_seg.weight, 0.99 * teacher)


def test_loading_a_student_alone_leaves_the_teacher_to_be_initialised_from_it():
    model = dacs()
    state = {f'model.{key}': value + 1 for key, value in model.model.state_dict().items()}
    model.load_state_dict(state, strict=False)
    assert model.steps == 0


@pytest.mark.parametrize('alpha', [-0.1, 1.01])
def test_alpha_outside_0_to_1_is_refused(alpha):
    with pytest.raises(InputError, match=r'uda\.alpha'):
        dacs(alpha=alpha)


def test_listed_parameters_are_those_of_the_network_also_once_they_are_replaced_or_the_network_is_copied():
    network = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    network[1].append(network[0])  # shared
    listed = ParameterList(network)
    network[1][0].bias = nn.Parameter(torch.ones(3))
    both = copy.deepcopy({'network': network, 'listed': listed})
    for owner, found in [(network, listed()), (both['network'], both['listed']())]:
        assert [id(p) for p in found] == [id(p) for p in owner.parameters()]


def test_a_teacher_does_not_follow_a_student_with_other_parameters():
    with pytest.raises(ValueError, match='1 parameters cannot follow 2'):
        update_ema([torch.zeros(2)], [torch.zeros(2), torch.zeros(2)], 0.5)
