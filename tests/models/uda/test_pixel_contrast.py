"""The term PixelContrast: on networks of one and of two scales, in a training step, and what it refuses."""

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.uda.batch import Labelled
from mmseg.models.uda.pixel_contrast import PixelContrast
from tests.models.uda.tiny import TinyBackbone, batch, dacs, segmentor, sgd

STILL = {'blur': False, 'color_jitter_probability': 1.0}


def two_scales(kind: str) -> dict:
    plain = segmentor()
    head = {**plain['decode_head'], 'type': kind, 'single_scale_head': 'DAFormerHead', 'attention_embed_dim': 4}
    return {
        **plain,
        'type': 'HRDAEncoderDecoder',
        'backbone': {'type': TinyBackbone},
        'decode_head': head,
        'hr_crop_size': (16, 16),
    }


NETWORKS = {'plain': (segmentor, 1), 'hrda': (lambda: two_scales('HRDAHead'), 1)}
NETWORKS |= {f'cluda{count}': (lambda: two_scales('CLUDAHead'), count) for count in (1, 2)}


def contrasted(network: str, **settings):
    make, resolutions = NETWORKS[network]
    uda = {key: settings.pop(key) for key in ('fuse_forward', 'type') if key in settings}
    term = {'type': 'PixelContrast', 'resolutions': resolutions, 'size': 9, **settings}
    return dacs(model=make(), terms=[term], **STILL, **uda)


def gradients(model) -> dict[str, float]:
    return {name: 0.0 if p.grad is None else p.grad.norm().item() for name, p in model.model.named_parameters()}


@pytest.mark.parametrize('network', NETWORKS)
def test_a_step_descends_both_contrasts_and_trains_what_they_weigh_with(network):
    model = contrasted(network)
    logged = model.train_step(batch(), sgd(model))
    parts = [value for name, value in logged.items() if 'loss' in name and name != 'loss']
    torch.testing.assert_close(logged['loss'], torch.stack(parts).sum())
    assert logged['src.loss_contrast'] > 0
    assert logged['mix.loss_contrast'] > 0
    found = gradients(model)
    assert found['backbone.stem.weight'] > 0
    if 'cluda' in network:
        assert (found['decode_head.feat_weighter.conv_seg.weight'] > 0) == network.endswith('2')


@pytest.mark.parametrize('network', ['plain', 'cluda2'])
def test_descending_the_source_contrast_alone_brings_pixels_of_a_class_together(network):
    """Other losses aside, three steps on one batch and one detail crop lower the loss."""
    model = contrasted(network, mixed_weight=0.0)
    data, found = batch(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        torch.manual_seed(0)
        made = model.make_batch(data)
        made.generator = torch.Generator().manual_seed(0)
        ((prefix, losses),) = model.pixel_contrast.loss_terms(model, made)
        assert prefix == 'src'
        found.append(losses['loss_contrast'].item())
        optimizer.zero_grad()
        losses['loss_contrast'].backward()
        optimizer.step()
    assert found[2] < found[1] < found[0]


def test_the_term_leaves_the_method_s_own_losses_as_they_are_fused_and_not():
    logs = {}
    for fuse in (False, True):
        for terms in ([], [{'type': 'PixelContrast', 'size': 9}]):
            model = dacs(terms=terms, fuse_forward=fuse, **STILL)
            torch.manual_seed(3)
            logs[fuse, bool(terms)] = model.train_step(batch(), sgd(model, lr=0.0))
    for fuse in (False, True):
        plain, contrast = logs[fuse, False], logs[fuse, True]
        assert set(contrast) - set(plain) == {'src.loss_contrast', 'mix.loss_contrast'}
        for name in set(plain) - {'loss'}:
            torch.testing.assert_close(contrast[name], plain[name])
    torch.testing.assert_close(logs[True, True], logs[False, True])


def test_with_one_image_the_orders_differ_by_the_road_alone():
    """Class 0 counts as outside the crop in the published order; without it both are the same."""
    model = contrasted('cluda2').model
    img = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for lowest, same in ((1, True), (0, False)):
        label = (torch.arange(32) // 8 % 2 + lowest).expand(1, 1, 32, 32).contiguous()
        part = Labelled(img, label)
        view = model.draw_view(img.shape, torch.Generator().manual_seed(0))
        features = model.extract_feat(img, view)
        maps, weights = model.embed(features)['decode'], model.decode_head.pair_weights(features)
        aligned, published = (
            PixelContrast(resolutions=2, size=9, order=order).of_two(maps, weights, part)
            for order in ('aligned', 'published')
        )
        assert torch.equal(aligned, published) == same


def test_grids_and_images_need_not_be_square():
    model = contrasted('cluda2', size=(5, 7)).model
    img = torch.randn(3, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    part = Labelled(img, torch.randint(3, (3, 1, 32, 48)), torch.rand(3, 1, 32, 48))
    features = model.extract_feat(img, model.draw_view(img.shape, torch.Generator().manual_seed(1)))
    term = PixelContrast(resolutions=2, size=(5, 7))
    maps = model.embed(features)['decode']
    assert term.of_two(maps, model.decode_head.pair_weights(features), part).isfinite()
    assert len(term.labels(part)) == 3 * 5 * 7


@pytest.mark.parametrize('network', NETWORKS)
def test_half_precision_features_give_a_loss_in_single_precision(network):
    model = contrasted(network)
    found = []
    for half in (True, False):
        torch.manual_seed(1)
        with torch.autocast('cpu', torch.bfloat16, enabled=half):
            made = model.make_batch(batch())
            made.generator = torch.Generator().manual_seed(0)
            terms = dict(model.pixel_contrast.loss_terms(model, made))
        found.append(terms['src']['loss_contrast'])
    assert found[0].dtype == torch.float32
    assert found[0].item() == pytest.approx(found[1].item(), rel=2e-2)


@pytest.mark.parametrize(
    ('settings', 'named'),
    [
        ({'resolutions': 3}, 'resolutions'),
        ({'resolutions': 2}, 'CLUDAHead'),
        ({'weight': -1.0}, 'weight'),
        ({'weight': 0.0, 'mixed_weight': 0.0}, 'mixed_weight'),
        ({'size': 1}, 'size'),
        ({'size': (3, 4, 5)}, 'size'),
        ({'size': 6.5}, 'size'),
        ({'order': 'random'}, 'order'),
        ({'chunk': 0}, 'chunk'),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, named):
    with pytest.raises(InputError, match=named):
        contrasted('plain', **settings)
