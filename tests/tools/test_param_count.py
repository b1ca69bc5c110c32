from pathlib import Path

import pytest
import torch
from torch import nn

from mmseg.errors import InputError
from tests.models.networks import tiny_segmentor
from tests.parity import manifest
from tools import get_param_count
from tools.get_param_count import Cost, costs

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


def test_attention_counts_the_same_on_the_meta_device_and_on_the_cpu():
    """Four blocks with reduced keys: what the attention kernels of this machine would do is not missed."""
    from tests.models.networks import build, build_on_meta

    cfg = tiny_segmentor()
    on_meta, on_cpu = costs(build_on_meta(cfg).eval(), (64, 96)), costs(build(cfg).eval(), (64, 96))
    assert on_meta[0] == on_cpu[0]  # the encoder; a head's dilated convolutions work on padded maps on a CPU
    assert on_meta[0].flops > 0


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
