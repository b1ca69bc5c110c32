import pytest
import torch

from mmseg.datasets.batch import to_network
from mmseg.datasets.pipelines.compact import CONTENT
from mmseg.errors import InputError


def meta(mean):
    return {'img_norm_cfg': {'mean': mean, 'std': [2.0] * 3, 'to_rgb': True}, CONTENT: (2, 2)}


def test_images_of_a_batch_are_normalised_alike_or_refused():
    images = torch.full((2, 3, 2, 2), 5, dtype=torch.uint8)
    made = to_network({'img': images, 'img_metas': [meta([1.0, 3.0, 5.0])] * 2})['img']
    assert made[1, :, 0, 0].tolist() == [2.0, 1.0, 0.0]
    with pytest.raises(InputError, match='in different ways'):
        to_network({'img': images, 'img_metas': [meta([1.0] * 3), meta([2.0] * 3)]})


def test_images_of_two_domains_are_normalised_alike_or_refused():
    """The method mixes their pixels."""
    images = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    batch = {'img': images, 'img_metas': [meta([1.0] * 3)], 'target_img': images, 'target_img_metas': [meta([2.0] * 3)]}
    with pytest.raises(InputError, match='in different ways'):
        to_network(batch)
