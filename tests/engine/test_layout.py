import copy

import pytest
import torch
from torch import nn

from mmseg.engine.layout import laid_out_as, lay_out_weights, layout_of
from mmseg.engine.optim import build_optim_wrapper
from mmseg.registry import MODELS
from tests.models.backbones.test_every_backbone import BACKBONES, heads

OPTIMIZER = {'type': 'AdamW', 'lr': 1e-3, 'weight_decay': 0.1}


def segmentor(kind: str) -> nn.Module:
    settings, channels = BACKBONES[kind]
    head = {'type': 'ASPPHead', 'num_classes': 5, 'norm_cfg': {'type': 'BN'}, **heads(channels)['ASPPHead']}
    torch.manual_seed(0)
    model = MODELS.build({'type': 'EncoderDecoder', 'backbone': {'type': kind, **settings}, 'decode_head': head})
    model.init_weights()
    return model.train()


def moved(model: nn.Module, wrapper, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    image = torch.randn(2, 3, 32, 32).to(next(model.parameters()).device)
    wrapper.backward(model(image).square().mean())
    wrapper.step()
    return model


def wide_kernels(model: nn.Module) -> list[nn.Parameter]:
    """Weights whose two layouts differ: of several inputs and several taps."""
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return [m.weight for m in convolutions if m.weight.shape[1] > 1 and m.kernel_size != (1, 1)]


def test_kernels_of_an_encoder_whose_maps_are_channels_last_are_so_too_with_the_same_numbers():
    model = segmentor('mit_b0')
    before = copy.deepcopy(model.state_dict())
    lay_out_weights(model)
    kernels = wide_kernels(model)
    assert len(kernels) == 11  # four patch embeddings, three reductions, the head's four
    assert all(not kernel.is_contiguous() for kernel in kernels)
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_those_of_an_encoder_whose_maps_are_not_stay():
    model = segmentor('ResNetV1c')
    lay_out_weights(model)
    assert all(kernel.is_contiguous() for kernel in wide_kernels(model))


@pytest.mark.parametrize(('first', 'then'), [(False, True), (True, False)])
def test_a_state_goes_on_in_the_other_layout_as_it_would_have_in_its_own(first, then):
    def begun(laid_out: bool):
        model = segmentor('mit_b0')
        if laid_out:
            lay_out_weights(model)
        return model, build_optim_wrapper(model, OPTIMIZER, accumulate=2)

    one, optimizer = begun(first)
    moved(one, optimizer, 1)
    other, resumed = begun(then)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for parameter, kept in resumed.optimizer.state.items():
        assert layout_of(kept['exp_avg']) == layout_of(kept['exp_avg_sq']) == layout_of(parameter)
    assert all(layout_of(p.grad) == layout_of(p) for p in wide_kernels(other))
    moved(one, optimizer, 2)
    moved(other, resumed, 2)
    for name, value in other.state_dict().items():
        torch.testing.assert_close(value, one.state_dict()[name], rtol=1e-4, atol=1e-5, msg=name)


def test_what_lies_as_its_parameter_does_is_not_copied():
    parameter = nn.Parameter(torch.zeros(4, 1, 3, 3).contiguous(memory_format=torch.channels_last))
    value = torch.zeros(4, 1, 3, 3)
    assert laid_out_as(parameter, value) is value  # a stride of a side of one says nothing
    wide = nn.Parameter(torch.zeros(4, 2, 3, 3).contiguous(memory_format=torch.channels_last))
    value = torch.randn(4, 2, 3, 3)
    assert torch.equal(laid_out_as(wide, value), value)
    assert laid_out_as(wide, value).stride() == wide.stride()
