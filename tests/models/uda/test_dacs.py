import contextlib
import copy

import pytest
import torch
from mmengine.optim import OptimWrapper

from mmseg.errors import InputError
from mmseg.models.networks import Network, Role, student_network
from mmseg.models.uda.dacs import DACS
from mmseg.registry import MODELS
from tests.models.uda.tiny import TinyBackbone, batch, dacs, segmentor, sgd, with_feature_distance
from tests.parity import manifest

WITH_FD = with_feature_distance()


def parameters(network) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def gradients(model) -> list[torch.Tensor]:
    return [p.grad.clone() for p in model.model.parameters()]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


class Still(OptimWrapper):
    """Keeps the gradients where they are and the student where it is."""

    def step(self, **kwargs) -> None:
        pass


def still(model) -> Still:
    return Still(torch.optim.SGD(model.model.parameters(), lr=0.1))


def test_the_student_moves_and_the_feature_distance_network_never():
    model = dacs(**WITH_FD)
    student, initial = copy.deepcopy(model.model), copy.deepcopy(model.imnet_model.state_dict())
    for seed in range(2):
        model.train_step(batch(seed), sgd(model))
    before, after = dict(student.named_parameters()), dict(model.model.named_parameters())
    # a bias in front of a batch norm has no effect, and so no gradient
    assert not any(torch.equal(before[name], after[name]) for name in before if name.endswith('weight'))
    assert all(torch.equal(value, initial[key]) for key, value in model.imnet_model.state_dict().items())
    assert all(p.grad is None for n in (model.ema_model, model.imnet_model) for p in n.parameters())


def test_the_gradients_of_the_last_move_are_gone_before_anything_is_computed(monkeypatch):
    model, left = dacs(), []
    optimizer = sgd(model)
    model.train_step(batch(), optimizer)
    monkeypatch.setattr(model, 'update_teacher', lambda: left.extend(p.grad for p in model.model.parameters()))
    model.train_step(batch(), optimizer)
    assert left
    assert all(gradient is None for gradient in left)


def test_only_the_student_can_be_trained():
    model = dacs(**WITH_FD)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {f'model.{name}' for name, _ in model.model.named_parameters()}


def test_the_feature_distance_network_stays_in_eval_mode_and_the_teacher_does_not():
    model = dacs(**WITH_FD)
    assert not any(m.training for m in model.imnet_model.modules())
    assert all(m.training for m in model.ema_model.modules())
    assert not any(m.training for m in model.eval().modules())


def test_teacher_and_feature_distance_network_start_as_the_initialised_student(monkeypatch):
    def init_weights(backbone):
        torch.nn.init.constant_(backbone.stem.weight, 0.25)

    monkeypatch.setattr(TinyBackbone, 'init_weights', init_weights, raising=False)
    model = dacs(**WITH_FD)
    model.init_weights()
    assert model.model.backbone.stem.weight.unique().tolist() == [0.25]
    for network in (model.ema_model, model.imnet_model):
        assert same(list(network.state_dict().values()), list(model.model.state_dict().values()))


def test_without_feature_distance_there_is_no_third_network():
    model = dacs()
    assert [network.name for network in model.networks()] == ['model', 'ema_model']
    assert not any(key.startswith('imnet_model') for key in model.state_dict())


def test_the_log_has_the_names_users_know_and_the_total_of_all_losses():
    model = dacs(**WITH_FD)
    for seed in range(2):
        logged = model.train_step(batch(seed), sgd(model))
    losses = ['decode.loss_seg', 'src.loss_imnet_feat_dist', 'mix.decode.loss_seg']
    assert set(logged) == {'loss', 'decode.acc_seg', 'mix.decode.acc_seg', *losses}
    torch.testing.assert_close(logged['loss'], sum(logged[name] for name in losses))
    assert all(value.dim() == 0 and not value.requires_grad for value in logged.values())
    assert logged['src.loss_imnet_feat_dist'] > 0


def test_one_backward_for_source_loss_and_feature_distance_adds_up_their_gradients():
    together, source, distance = (dacs(**WITH_FD, color_jitter_probability=1.0, blur=False) for _ in range(3))
    for model in (together, source, distance):
        for p in model.imnet_model.parameters():
            p.mul_(1.1)  # so that there is a distance
    terms = {}
    for name, model in [('together', together), ('source', source), ('distance', distance)]:
        data = batch(3)
        losses = model.source_losses(model.make_batch(data))
        wanted = {'together': 'loss', 'source': 'decode.loss', 'distance': 'imnet'}[name]
        sum(value for key, value in losses.items() if wanted in key).backward()
        terms[name] = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.model.parameters()]
    for both, a, b in zip(*terms.values(), strict=True):
        torch.testing.assert_close(both, a + b, rtol=1e-4, atol=1e-7)


def test_an_empty_thing_mask_gives_a_zero_term_and_finite_gradients():
    model = dacs(**WITH_FD)
    data = batch(label=torch.zeros(2, 1, 32, 32, dtype=torch.long))  # class 0 is no thing class
    for _ in range(2):
        logged = model.train_step(data, sgd(model))
    assert logged['src.loss_imnet_feat_dist'].item() == 0
    assert all(p.grad.isfinite().all() for p in model.model.parameters())


def test_the_mixed_loss_is_weighted_by_the_quality():
    model = dacs(pseudo_threshold=1.0, blur=False, color_jitter_probability=1.0)  # no pixel is sure: q = 0
    model.mix_mask = lambda label: torch.zeros_like(label, dtype=torch.bool)
    assert model.train_step(batch(), sgd(model))['mix.decode.loss_seg'].item() == 0
    model.mix_mask = lambda label: torch.ones_like(label, dtype=torch.bool)  # source pixels count fully
    model.train_step(batch(), sgd(model))
    assert model.last_step.mixed_weight.unique().tolist() == [1.0]


def test_a_fully_pasted_source_is_learned_from_twice():
    model = dacs(blur=False, color_jitter_probability=1.0)
    model.mix_mask = lambda label: torch.ones_like(label, dtype=torch.bool)
    logged = model.train_step(batch(), sgd(model))
    torch.testing.assert_close(logged['mix.decode.loss_seg'], logged['decode.loss_seg'])


def test_ignored_rows_get_no_weight_where_the_target_shows():
    model = dacs(pseudo_threshold=0.0, pseudo_weight_ignore_top=3, pseudo_weight_ignore_bottom=5)
    model.train_step(batch(), sgd(model))
    step = model.last_step
    rows = torch.zeros(32, 1, dtype=torch.bool)
    rows[:3] = rows[27:] = True
    assert torch.equal(step.mixed_weight == 0, rows & ~step.mix_mask)


def test_a_mask_of_valid_target_pixels_moves_with_the_image_and_takes_their_weight():
    model = dacs(pseudo_threshold=0.0)
    valid = torch.rand(2, 1, 32, 32) > 0.3
    model.train_step(batch() | {'target_valid_pseudo_mask': valid}, sgd(model))
    step = model.last_step
    assert torch.equal(step.mixed_weight == 0, ~valid & ~step.mix_mask)
    assert torch.equal(step.pseudo_weight, valid.float())


def test_the_mixed_image_shows_the_source_in_the_mask_and_the_target_elsewhere():
    model, data = dacs(blur=False, color_jitter_probability=1.0), batch()
    model.train_step(data, sgd(model))
    step = model.last_step
    assert 0 < step.mix_mask.float().mean() < 1
    for mixed, source, target in [
        (step.mixed_img, data['img'], data['target_img']),
        (step.mixed_label, data['gt_semantic_seg'], step.pseudo_label),
    ]:
        assert torch.equal(mixed, source * step.mix_mask + target * ~step.mix_mask)


def test_image_scope_pastes_classes_of_the_same_image_only():
    data = batch(label=torch.stack([torch.full((1, 32, 32), c) for c in (1, 4)]))
    model = dacs(mix_scope='image')
    model.train_step(data, sgd(model))
    assert model.last_step.mix_mask.all()  # the one class of each image is the half that is drawn
    model = dacs(mix_scope='batch')
    for _ in range(4):
        model.train_step(data, sgd(model))
        assert not model.last_step.mix_mask.all()  # each image gets one of two classes ...
        if model.last_step.mix_mask.any(dim=(1, 2, 3)).tolist() in ([True, False], [False, True], [False, False]):
            break  # ... also the other's
    else:
        pytest.fail('never drew the class of the other image')


def test_target_labels_are_never_looked_at():
    class Forbidden(dict):
        def __getitem__(self, key):
            assert key in ('img', 'gt_semantic_seg', 'img_metas', 'target_img', 'target_img_metas'), key
            return super().__getitem__(key)

        def _forbidden(self, *_):
            raise AssertionError('looked at everything')

        items = values = _forbidden

        def get(self, key, default=None):
            assert key == 'target_valid_pseudo_mask', key
            return default

    plain, labelled = dacs(**WITH_FD), dacs(**WITH_FD)
    data = Forbidden(batch(), target_gt_semantic_seg=object(), target_label=object())
    for model, given in [(plain, batch()), (labelled, data)]:
        torch.manual_seed(1)
        model.train_step(given, sgd(model))
    assert same(parameters(plain.model), parameters(labelled.model))


def test_the_same_seed_gives_the_same_step():
    results = []
    for _ in range(2):
        model = dacs(model=segmentor(drop=0.3, dropout_ratio=0.1), **WITH_FD)
        torch.manual_seed(11)
        results.append(model.train_step(batch(), sgd(model)))
    assert results[0] == results[1]


def test_a_step_never_waits_for_a_value_of_the_device():
    """On the meta device there are no values: whatever reads one fails."""
    model = dacs(**WITH_FD, color_jitter_probability=0.0).to('meta')
    data = {key: value.to('meta') if isinstance(value, torch.Tensor) else value for key, value in batch().items()}
    for _ in range(8):  # with and without blur
        logged = model.train_step(data, sgd(model))
    assert all(value.device.type == 'meta' for value in logged.values())
    assert model.steps == 8


def test_a_step_calls_neither_item_nor_cpu(monkeypatch):
    model, data = dacs(**WITH_FD), batch()
    optimizer = sgd(model)

    def sync(*_):
        raise AssertionError('waits for the device')

    for name in ('item', 'cpu', 'numpy', '__bool__', '__float__', '__int__'):
        monkeypatch.setattr(torch.Tensor, name, sync)
    for _ in range(4):
        model.train_step(data, optimizer)


def test_what_the_step_made_is_kept_only_at_the_debug_interval():
    model, kept = dacs(debug_img_interval=3), []
    for _ in range(7):
        model.train_step(batch(), sgd(model))
        kept.append(model.last_step is not None)
    assert kept == [True, False, False, True, False, False, True]


def test_what_is_kept_has_no_graph_and_the_mask_of_the_feature_distance():
    model, data = dacs(**WITH_FD), batch()
    model.train_step(data, sgd(model))
    step = model.last_step
    assert not any(value.requires_grad for value in step if isinstance(value, torch.Tensor))
    things = (data['gt_semantic_seg'][..., ::8, ::8] == 2) | (data['gt_semantic_seg'][..., ::8, ::8] == 3)
    assert torch.equal(step.thing_mask, things)


@pytest.mark.parametrize('uda', [{}, WITH_FD])
def test_one_encoder_pass_for_both_images_gives_the_same_gradients(uda):
    """Tolerance: the batch of four changes the order of summation, nothing else."""
    plain, fused = (dacs(**uda, fuse_forward=fuse) for fuse in (False, True))
    calls = {}
    for name, model in [('plain', plain), ('fused', fused)]:
        calls[name] = []
        model.model.backbone.register_forward_hook(lambda _m, args, _o, log=calls[name]: log.append(len(args[0])))
        if model.imnet_model is not None:
            for p in model.imnet_model.parameters():
                p.mul_(1.1)
        torch.manual_seed(2)
        model.logged = model.train_step(batch(), still(model))
    assert calls == {'plain': [2, 2], 'fused': [4]}
    for name, value in plain.logged.items():
        torch.testing.assert_close(fused.logged[name], value, rtol=1e-5, atol=1e-6)
    for p, q in zip(gradients(plain), gradients(fused), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


def test_fusing_is_refused_where_the_encoder_normalises_over_the_batch():
    with pytest.raises(InputError, match=r'backbone\.norm \(BatchNorm2d\).*fuse_forward=False'):
        dacs(model=segmentor(batch_norm=True), fuse_forward=True)


def test_accumulated_steps_move_the_student_once_by_their_mean_gradient():
    model = dacs(accumulate=2, color_jitter_probability=1.0, blur=False, alpha=0.5)
    single = copy.deepcopy(model)
    single.accumulate = 1
    start, optimizer = parameters(model.model), sgd(model, lr=1.0)
    grads = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        single.train_step(batch(seed), still(single))
        single.steps = 0  # its teacher stays the student
        grads.append(gradients(single))
        torch.manual_seed(seed)
        model.train_step(batch(seed), optimizer)
        if seed == 0:
            assert same(parameters(model.model), start)
    for p, theta, a, b in zip(parameters(model.model), start, *grads, strict=True):
        torch.testing.assert_close(p, theta - (a + b) / 2, rtol=1e-4, atol=1e-6)
    assert same(parameters(model.ema_model), start)  # it follows once the student has moved
    model.train_step(batch(2), optimizer)
    assert not same(parameters(model.ema_model), start)


def test_forward_runs_in_the_context_of_the_optimizer_wrapper_and_backward_outside():
    inside, seen = [False], []

    class Watched(Still):
        @contextlib.contextmanager
        def optim_context(self, model):
            inside[0] = True
            yield
            inside[0] = False

        def backward(self, loss, **kwargs):
            seen.append(('backward', inside[0]))
            super().backward(loss, **kwargs)

    model = dacs(**WITH_FD)
    for name in ('model', 'ema_model', 'imnet_model'):
        getattr(model, name).backbone.register_forward_hook(lambda *_, n=name: seen.append((n, inside[0])))
    model.train_step(batch(), Watched(torch.optim.SGD(model.model.parameters(), lr=0.1)))
    assert seen == [
        ('ema_model', True),
        ('model', True),
        ('imnet_model', True),
        ('backward', False),
        ('model', True),
        ('backward', False),
    ]


def test_a_step_under_bfloat16_autocast_stays_finite():
    class Autocast(OptimWrapper):
        def optim_context(self, model):
            return torch.autocast('cpu', torch.bfloat16)

    model = dacs(**WITH_FD)
    optimizer = Autocast(torch.optim.SGD(model.model.parameters(), lr=0.1))
    for seed in range(3):
        logged = model.train_step(batch(seed), optimizer)
    assert all(value.isfinite() for value in logged.values())
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_a_new_term_needs_only_a_subclass():
    class WithCoupling(DACS):
        couples_domains = True

        def loss_terms(self, batch):
            yield from super().loss_terms(batch)
            gap = batch.source.features[-1].mean((2, 3)) - batch.mixed.features[-1].mean((2, 3))
            yield 'gap', {'loss_gap': gap.square().sum()}

    model = WithCoupling(model=segmentor(), max_iters=4, pseudo_threshold=0.25).train()
    logged = model.train_step(batch(), sgd(model))
    assert logged['gap.loss_gap'] > 0
    torch.testing.assert_close(
        logged['loss'], logged['decode.loss_seg'] + logged['mix.decode.loss_seg'] + logged['gap.loss_gap']
    )


def test_to_everybody_but_the_training_loop_it_is_the_student():
    model = dacs().eval()
    student, img = student_network(model), batch()['img']
    meta = {'ori_shape': (40, 44, 3), 'flip': False}
    for name, args in [
        ('__call__', (img,)),
        ('encode_decode', (img,)),
        ('inference', (img, meta, True)),
        ('simple_test', (img, meta)),
        ('aug_test', ([img, img], [meta, meta])),
    ]:
        torch.testing.assert_close(getattr(model, name)(*args), getattr(student, name)(*args))
    for ours, theirs in zip(model.extract_feat(img), student.extract_feat(img), strict=True):
        assert torch.equal(ours, theirs)


def test_every_network_is_listed_with_its_role_and_the_name_it_has_in_checkpoints():
    model = dacs(**WITH_FD)
    assert model.networks() == [
        Network('model', model.model, Role.LEARNS),
        Network('ema_model', model.ema_model, Role.FOLLOWS),
        Network('imnet_model', model.imnet_model, Role.FROZEN),
    ]
    names = {name.split('.')[0] for name, _ in model.named_parameters()}
    assert names == {network.name for network in model.networks()}


def test_the_state_dict_is_the_reference_s_and_the_counter():
    expected = manifest('uda_dacs_mitb5_daformer_sepaspp')
    aspp = {'type': 'aspp', 'sep': True, 'dilations': (1, 6, 12, 18), 'pool': False}
    fusion = {**aspp, 'act_cfg': {'type': 'ReLU'}, 'norm_cfg': {'type': 'BN', 'requires_grad': True}}
    mlp = {'type': 'mlp', 'act_cfg': None, 'norm_cfg': None}
    head = {
        'type': 'DAFormerHead',
        'in_channels': [64, 128, 320, 512],
        'in_index': [0, 1, 2, 3],
        'channels': 256,
        'num_classes': 19,
        'norm_cfg': {'type': 'BN', 'requires_grad': True},
        'decoder_params': {'embed_dims': 256, 'embed_cfg': mlp, 'embed_neck_cfg': mlp, 'fusion_cfg': fusion},
        'loss_decode': {'type': 'CrossEntropyLoss'},
    }
    model = {'type': 'EncoderDecoder', 'backbone': {'type': 'mit_b5'}, 'decode_head': head}
    uda = with_feature_distance(imnet_feature_dist_classes=[6, 7, 11])
    with torch.device('meta'):
        built = MODELS.build({'type': 'DACS', 'model': model, 'max_iters': 10, **uda})
    shapes = {key: list(value.shape) for key, value in built.state_dict().items()}
    assert shapes.pop('iteration') == []
    assert list(shapes) == list(expected)
    assert shapes == expected


@pytest.mark.parametrize(
    ('setting', 'key'),
    [
        ({'pseudo_threshold': 1.5}, 'pseudo_threshold'),
        ({'pseudo_threshold': -0.1}, 'pseudo_threshold'),
        ({'pseudo_weight_ignore_top': -1}, 'pseudo_weight_ignore_top'),
        ({'pseudo_weight_ignore_bottom': 1.5}, 'pseudo_weight_ignore_bottom'),
        ({'mix': 'cut'}, 'mix'),
        ({'mix_scope': 'world'}, 'mix_scope'),
        ({'imnet_feature_dist_lambda': -1}, 'imnet_feature_dist_lambda'),
        (with_feature_distance(imnet_feature_dist_classes=[99]), 'imnet_feature_dist_classes'),
        ({'color_jitter_strength': -0.1}, 'color_jitter_strength'),
        ({'debug_img_interval': 0}, 'debug_img_interval'),
        ({'max_iters': 0}, 'max_iters'),
        ({'accumulate': 5}, 'accumulate'),
        ({'fuse_forward': 'yes'}, 'fuse_forward'),
        ({'pseudo_treshold': 0.9}, "Did you mean 'pseudo_threshold'"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(setting, key):
    with pytest.raises(InputError, match=key):
        dacs(**setting)


def test_images_of_different_sizes_are_refused_with_the_way_out():
    model, data = dacs(), batch()
    data['target_img'] = data['target_img'][..., :24]
    with pytest.raises(InputError, match=r'2 of 32x32.*2 of 24x32.*crop_size'):
        model.train_step(data, sgd(model))
