"""A further term wraps any method: it reads what the method made of the step, and leaves the method as it is."""

import copy

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.networks import Network, Role
from mmseg.models.uda.batch import Labelled
from mmseg.models.uda.further_term import FurtherTerm
from mmseg.registry import MODELS
from tests.models.uda.tiny import batch, dacs, segmentor, sgd, with_feature_distance


@MODELS.register_module(force=True)
class Mirror(FurtherTerm):
    """The student learns the pseudo-label of the mirrored target image; ``copy_student`` keeps a network of its own."""

    name = 'mirror'

    def __init__(self, *, copy_student: bool = False) -> None:
        super().__init__()
        self.copy_student = copy_student

    def attach(self, method):
        self.own = copy.deepcopy(method.model).requires_grad_(False) if self.copy_student else None

    def init_weights(self, method):
        if self.own is not None:
            self.own.load_state_dict(method.model.state_dict())

    def networks(self):
        return [Network('own', self.own, Role.FROZEN)] if self.own is not None else []

    def prepare(self, method, batch):
        made = (batch.target_img, batch.pseudo.label, batch.pseudo.weight)
        batch.parts['mirrored'] = Labelled(*(x.flip(3) for x in made))

    def loss_terms(self, method, batch):
        yield 'mirror', method.segmentation_losses(batch, batch.parts['mirrored'])


@MODELS.register_module(force=True)
class Gap(FurtherTerm):
    """Features of source and mixed images shall have one mean."""

    name = 'gap'
    shares_graphs = True

    def loss_terms(self, method, batch):
        parts = (method.student_features(batch, part)[-1].mean((2, 3)) for part in (batch.source, batch.mixed))
        yield 'gap', {'loss_gap': torch.sub(*parts).square().sum()}


MIRROR = {'type': 'Mirror'}
STILL = {'blur': False, 'color_jitter_probability': 1.0}


def gradients(model):
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.model.parameters()]


@pytest.mark.parametrize('method', ['DACS', 'DACSPlus'])
@pytest.mark.parametrize('fuse', [False, True])
def test_a_term_adds_its_gradient_and_its_log_names_to_any_method(method, fuse):
    plain, wrapped = (dacs(type=method, fuse_forward=fuse, terms=terms, **STILL) for terms in ([], [MIRROR]))
    logs = []
    for model in (plain, wrapped):
        torch.manual_seed(3)
        logs.append(model.train_step(batch(), sgd(model, lr=0.0)))
    assert set(logs[1]) - set(logs[0]) == {'mirror.decode.loss_seg', 'mirror.decode.acc_seg'}
    torch.testing.assert_close(logs[1]['loss'], logs[0]['loss'] + logs[1]['mirror.decode.loss_seg'])
    alone = dacs(type=method, terms=[MIRROR], **STILL)
    torch.manual_seed(3)
    made = alone.make_batch(batch())
    alone.mirror.prepare(alone, made)
    ((_, losses),) = alone.mirror.loss_terms(alone, made)
    losses['decode.loss_seg'].backward()
    for both, a, b in zip(gradients(wrapped), gradients(plain), gradients(alone), strict=True):
        torch.testing.assert_close(both, a + b, rtol=1e-4, atol=1e-6)


def test_terms_whose_graphs_are_shared_are_descended_with_them():
    model = dacs(terms=[{'type': 'Gap'}, MIRROR])
    names = [set(losses) for _, losses in model.objective(prepared(model))]
    assert len(names) == 2
    assert 'gap.loss_gap' in names[0]
    assert names[1] == {'decode.loss_seg', 'decode.acc_seg'}
    logged = model.train_step(batch(), sgd(model))
    assert logged['gap.loss_gap'] > 0


def prepared(model):
    made = model.make_batch(batch())
    for term in model.terms():
        term.prepare(model, made)
    return made


def test_networks_of_a_term_are_listed_kept_in_checkpoints_and_left_out_of_the_optimizer():
    model = dacs(terms=[{'type': 'Mirror', 'copy_student': True}], **with_feature_distance())
    listed = {network.name: network.role for network in model.networks()}
    assert listed == {
        'model': Role.LEARNS, 'ema_model': Role.FOLLOWS, 'imnet_model': Role.FROZEN, 'mirror.own': Role.FROZEN,
    }  # fmt: skip
    assert 'mirror.own.decode_head.conv_seg.weight' in model.state_dict()
    assert not model.train().mirror.own.training
    model.model.decode_head.conv_seg.weight.data.zero_()
    model.init_weights()
    assert torch.equal(model.mirror.own.decode_head.conv_seg.weight, model.model.decode_head.conv_seg.weight)


def test_the_debug_figure_shows_the_images_of_a_term_and_what_the_student_makes_of_them():
    model, data = dacs(terms=[MIRROR]), batch()
    model.train_step(data, sgd(model))
    shown = model.last_step.extra
    titles = ['mirrored image', 'mirrored label', 'mirrored weight (white: 1)', 'mirrored prediction']
    assert list(shown) == titles
    assert torch.equal(shown['mirrored image'], data['target_img'].flip(3))
    assert not any(value.requires_grad for value in shown.values())
    assert shown['mirrored prediction'].dtype == torch.int64


def test_the_labelled_domain_alone_needs_no_target_images():
    model = MODELS.build({'type': 'SourceOnly', 'model': segmentor(), 'max_iters': 4}).train()
    data = {key: value for key, value in batch().items() if not key.startswith('target')}
    logged = model.train_step(data, sgd(model))
    assert set(logged) == {'loss', 'decode.loss_seg', 'decode.acc_seg'}
    assert model.last_step.target_img is None


@pytest.mark.parametrize(
    ('terms', 'words'),
    [
        ([MIRROR, MIRROR], r'uda\.terms is .mirror.*none of them twice'),
        ([{'type': 'CrossEntropyLoss'}], r'uda\.terms.*further terms'),
        (MIRROR, 'terms=.*takes a list, each element a dict'),
        ([{'type': 'Mirror', 'copy': True}], "Did you mean 'copy_student'"),
        ([{'type': 'Miror'}], "Did you mean 'Mirror'"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms, words):
    with pytest.raises(InputError, match=words):
        dacs(terms=terms)
