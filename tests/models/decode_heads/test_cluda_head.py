"""CLUDA's head against the reference's numbers, and its fusion by hand."""

import copy
import json

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.decode_heads.cluda_head import CLUDAHead
from mmseg.models.layers.box import Box
from mmseg.models.uda.batch import Labelled
from mmseg.models.uda.pixel_contrast import PixelContrast, on_one_grid
from mmseg.models.weights import load_strict
from mmseg.registry import MODELS
from tests.models.decode_heads.test_hrda_head import DAFORMER
from tests.models.networks import build
from tests.parity import fill_module, golden


def head(**changes) -> CLUDAHead:
    return MODELS.build({**DAFORMER, 'type': 'CLUDAHead', **changes})


def test_the_fusion_enlarges_attention_and_context_before_it_mixes_them():
    """Attention 0.25 and 0 of two columns, context 1 and 3, detail 10, twice as fine."""
    attention = torch.tensor([[0.25, 0.0]]).view(1, 1, 1, 2)
    context = torch.tensor([[1.0, 3.0]]).view(1, 1, 1, 2)
    fused, trained = head().blend(attention, torch.full((1, 1, 2, 4), 10.0), context, 0.5)
    shown = torch.tensor([0.25, 0.1875, 0.0625, 0.0])
    expected = shown * 10 + (1 - shown) * torch.tensor([1.0, 1.5, 2.5, 3.0])
    torch.testing.assert_close(fused, expected.expand(1, 1, 2, 4))
    assert trained is context


def norms(segmentor, modules) -> dict[str, float]:
    """Length of the gradient of each module, by its name."""
    found = {}
    for name in modules:
        gradients = [p.grad.flatten() for p in segmentor.get_submodule(name).parameters() if p.grad is not None]
        found[name] = torch.cat(gradients).norm().item()
    segmentor.zero_grad()
    return found


def test_maps_losses_gradients_and_test_logits_equal_the_reference():
    reference = golden('cluda_hrda_train')
    config = copy.deepcopy(reference.config)
    config['decode_head']['type'] = 'CLUDAHead'
    segmentor = fill_module(build(config)).train()
    img, label = reference.inputs()['shared.img'], reference.tensor('in.label').long()
    part = Labelled(img, label, view=Box(*reference.arrays['in.hr_crop_box'].tolist()))
    features = segmentor.extract_feat(img, part.view)
    embedded = segmentor.embed(features)

    both = on_one_grid(embedded['decode'])
    for name, maps in (('lr', both.context), ('hr', both.detail)):
        torch.testing.assert_close(maps[:, ::4, ::4, ::4], reference.tensor(f'fused_feats_{name}'), rtol=0, atol=1e-4)
    assert torch.equal(both.inside.expand(2, -1, -1, -1), reference.tensor('crop_mask').float())

    term = PixelContrast(resolutions=2, order='published')
    assert torch.equal(term.labels(part), reference.tensor('label_65').flatten().long())
    weights = segmentor.decode_head.pair_weights(features)
    loss = term.of_two(embedded['decode'], weights, part)
    assert loss.item() == pytest.approx(reference.arrays['contrastive.loss'].item(), rel=1e-5)
    loss.backward(retain_graph=True)
    expected = json.loads(str(reference.arrays['contrastive.grad_l2']))
    assert norms(segmentor, expected) == pytest.approx(expected, rel=5e-3)

    losses = segmentor.losses_of(segmentor.logits_of(embedded), label)
    total, values = segmentor.parse_losses(losses)
    found = {name: value.item() for name, value in (values | {'loss': total}).items()}
    assert found == pytest.approx(json.loads(str(reference.arrays['log_vars'])), rel=1e-5)
    total.backward()
    expected = json.loads(str(reference.arrays['seg.grad_l2']))
    assert norms(segmentor, expected) == pytest.approx(expected, rel=5e-3)

    logits = segmentor.eval().encode_decode(img)
    torch.testing.assert_close(logits[:, :, ::8, ::8], reference.tensor('eval.encode_decode'), rtol=0, atol=1e-4)


def test_a_checkpoint_of_cluda_s_head_asks_for_it():
    plain = build(golden('cluda_hrda_train').config)
    state = plain.state_dict() | {'decode_head.feat_weighter.conv_seg.bias': torch.zeros(1)}
    with pytest.raises(
        InputError, match=r"1 unexpected: decode_head\.feat_weighter.*\n.*decode_head\.type='CLUDAHead'"
    ):
        load_strict(plain, state)
