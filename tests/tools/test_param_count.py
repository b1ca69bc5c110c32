from pathlib import Path

import pytest
import torch
from torch import nn

from mmseg.engine.flop_count import counted_flops
from mmseg.errors import InputError
from tests.models.networks import build, tiny_backbone
from tests.parity import manifest
from tools import get_param_count
from tools.work.get_param_count import Cost, costs

REPOSITORY = Path(__file__).parents[2]


class Segmentor(nn.Module):
    """A convolution, an attention, a linear layer; and a part that only training uses."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.decode_head = nn.Linear(8, 5)
        self.auxiliary_head = nn.Linear(8, 2)
        self.dropout = nn.Dropout()

    def forward(self, img):
        tokens = self.backbone(img).flatten(2).transpose(1, 2)
        mixed = nn.functional.scaled_dot_product_attention(*[tokens[:, None]] * 3)[:, 0]
        return self.decode_head(mixed)


@pytest.mark.parametrize('device', ['meta', 'cpu'])
def test_parameters_and_flops_by_hand(device):
    with torch.device(device):
        segmentor = Segmentor()
    # two FLOPs a multiply-add; 4x6 positions behind the convolution, each attends to all, for scores and for values
    convolution, attention, linear = 2 * 24 * 8 * 3 * 9, 2 * 2 * 24 * 24 * 8, 2 * 24 * 8 * 5
    assert costs(segmentor, (8, 12)) == [
        Cost('backbone', 216, convolution),
        Cost('decode_head', 45, linear),
        Cost('auxiliary_head', 18, 0),
        Cost('', 279, convolution + attention + linear),
    ]


VIT = {
    'type': 'VisionTransformer',
    'img_size': 64,
    'embed_dims': 32,
    'num_layers': 2,
    'num_heads': 2,
    'out_indices': (0, 0, 1, 1),
}


@pytest.mark.parametrize(
    ('backbone', 'attention'),
    [
        # by hand: blocks x scores and values x queries x keys x channels, two FLOPs each
        (tiny_backbone(), 2 * 2 * 6 * (384 * 8 + 96 * 16 + 24 * 40 + 6 * 64)),
        (VIT, 2 * 2 * 2 * 17 * 17 * 32),
    ],
    ids=['mit', 'vit'],
)
def test_attention_counts_the_same_on_the_meta_device_and_on_the_cpu(backbone, attention):
    """Whatever kernels this machine has for it, and whether or not somebody has switched them off."""
    counts = []
    for device in ('meta', 'cpu'):
        with torch.device(device):
            network = build(backbone).eval()
        with torch.no_grad(), counted_flops() as counter:
            network(torch.zeros(1, 3, 64, 96 if backbone is not VIT else 64, device=device))
        by_operator = counter.get_flop_counts()['Global']
        assert by_operator[torch.ops.aten.bmm] == attention
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1]


def test_the_published_network_has_as_many_parameters_as_its_published_file(capsys):
    config = REPOSITORY / 'configs/daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py'
    assert get_param_count.main([str(config), '--size', '64', '128']) == 0
    shapes = {name: shape for name, shape in manifest('mit_b5').items() if not name.startswith('head')}
    published = sum(torch.Size(shape).numel() for shape in shapes.values())
    printed = capsys.readouterr().out
    assert 'image 64x128' in printed
    assert f'{published / 1e6:.3f} M' in next(line for line in printed.splitlines() if line.startswith('backbone'))


def test_an_image_that_does_not_fit_is_named():
    with torch.device('meta'):
        segmentor = Segmentor()
    segmentor.decode_head.in_features = 9
    segmentor.decode_head.weight = nn.Parameter(torch.zeros(5, 9, device='meta'))
    with pytest.raises(InputError, match='An image of 8x12 cannot be predicted'):
        costs(segmentor, (8, 12))
