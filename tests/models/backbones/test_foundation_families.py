"""Every family of foundation encoders learns: two steps on small images, from random weights."""

import pytest
import torch

from tests.models.networks import build, skip_unless_timm_has

SMALL = {'embed_dim': 24, 'depth': 2, 'num_heads': 2}
FAMILIES = {
    'dinov2': ('vit_small_patch14_dinov2', SMALL),
    'dinov2 with registers': ('vit_small_patch14_reg4_dinov2', SMALL),
    'dinov3': ('vit_small_patch16_dinov3', SMALL),
    'dinov3 convnext': ('convnext_tiny.dinov3_lvd1689m', {'dims': (8, 12, 16, 24), 'depths': (1, 1, 1, 1)}),
    'eva02': ('eva02_base_patch14_224', SMALL),
    'siglip2': ('vit_base_patch16_siglip_512.v2_webli', SMALL),
    'perception encoder': ('vit_pe_spatial_tiny_patch16_512', SMALL),
    'tipsv2': ('vit_base_patch14_reg1_tipsv2', SMALL),
    'sam2 hiera': ('sam2_hiera_tiny', {}),
    'hiera': ('hiera_tiny_224', {}),
    'convnextv2': ('convnextv2_atto', {}),
}


LARGE = {'sam2 hiera', 'hiera'}  # their stages cannot be cut to size


@pytest.mark.parametrize(
    'family', [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in FAMILIES]
)
def test_two_steps_have_finite_losses_and_move_every_weight_that_takes_part(family):
    name, settings = FAMILIES[family]
    skip_unless_timm_has(name)
    torch.manual_seed(0)
    size = {'img_size': 64} if family == 'hiera' else {}
    outputs = (-1,) if 'hiera' not in family else (3,)
    encoder = {'type': 'TimmBackbone', 'model_name': name, 'settings': settings, 'out_indices': outputs, **size}
    channels = build(encoder).feature_channels[-1]
    head = {'type': 'FCNHead', 'in_channels': channels, 'channels': 8, 'num_convs': 1, 'num_classes': 3, 'in_index': 0}
    model = build({'type': 'EncoderDecoder', 'backbone': encoder, 'decode_head': {**head, 'dropout_ratio': 0.0}})
    model.init_weights()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0)
    before = {key: value.clone() for key, value in model.named_parameters()}
    image, label = torch.rand(2, 3, 64, 64), torch.randint(3, (2, 1, 64, 64))
    for _ in range(2):
        optimizer.zero_grad()
        loss, _ = model.train().parse_losses(model.forward_train(image, label))
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss)
    learning = {key for key, value in model.named_parameters() if value.grad is not None and value.grad.any()}
    still = {key for key, value in model.named_parameters() if torch.equal(value, before[key])}
    assert still & learning == set()
    assert len(learning) > 0.9 * len(before)
