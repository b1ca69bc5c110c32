import torch

from tests.models.networks import build, build_on_meta
from tests.parity import fill_module, golden, manifest, shapes


def test_parameters_have_the_names_shapes_and_order_of_published_files():
    head = build_on_meta(
        {
            'type': 'SegFormerHead',
            'in_channels': [64, 128, 320, 512],
            'in_index': [0, 1, 2, 3],
            'channels': 128,
            'num_classes': 19,
            'norm_cfg': {'type': 'BN', 'requires_grad': True},
            'decoder_params': {'embed_dim': 768, 'conv_kernel_size': 1},
        }
    )
    assert list(shapes(head).items()) == list(manifest('head_segformer_b5').items())


@torch.no_grad()
def test_logits_equal_the_reference():
    reference = golden('head_segformer')
    head = fill_module(build(reference.config['decode_head'])).eval()
    logits = head(list(reference.inputs().values()))
    torch.testing.assert_close(logits, reference.tensor('logits'), atol=2e-5, rtol=1e-4)
