"""The smallest networks and batches on which the method can be asked questions."""

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmseg.models.layers import DropPath
from mmseg.registry import MODELS

NORM = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
NUM_CLASSES = 6


class TinyBackbone(nn.Module):
    """Two stages, at a quarter and an eighth of the image."""

    def __init__(self, *, batch_norm: bool = False, drop: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.BatchNorm2d(8) if batch_norm else nn.GroupNorm(1, 8)
        self.drop = nn.Dropout(drop)
        self.drop_path = DropPath(drop)
        self.stage = nn.Conv2d(8, 16, 2, stride=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        fine = self.norm(self.stem(x))
        fine = fine + self.drop_path(self.drop(fine.relu()))
        return [fine, self.stage(fine)]


def segmentor(*, dropout_ratio: float = 0.0, **backbone) -> dict:
    mlp = {'type': 'mlp', 'act_cfg': None, 'norm_cfg': None}
    fusion = {'type': 'conv', 'kernel_size': 1, 'act_cfg': {'type': 'ReLU'}, 'norm_cfg': {'type': 'BN'}}
    return {
        'type': 'EncoderDecoder',
        'backbone': {'type': TinyBackbone, **backbone},
        'decode_head': {
            'type': 'DAFormerHead',
            'in_channels': [8, 16],
            'in_index': [0, 1],
            'channels': 8,
            'dropout_ratio': dropout_ratio,
            'num_classes': NUM_CLASSES,
            'norm_cfg': {'type': 'BN'},
            'align_corners': False,
            'decoder_params': {'embed_dims': 8, 'embed_cfg': mlp, 'embed_neck_cfg': mlp, 'fusion_cfg': fusion},
            'loss_decode': {'type': 'CrossEntropyLoss'},
        },
    }


def dacs(*, model: dict | None = None, seed: int = 0, **uda):
    """A DACS in train mode; a low threshold makes the quality of its pseudo-labels neither 0 nor 1."""
    torch.manual_seed(seed)
    settings = {'max_iters': 12, 'pseudo_threshold': 0.25, 'debug_img_interval': 1, **uda}
    return MODELS.build({'type': 'DACS', 'model': model or segmentor(), **settings}).train()


def with_feature_distance(**uda) -> dict:
    return {
        'imnet_feature_dist_lambda': 0.5,
        'imnet_feature_dist_classes': [2, 3],
        'imnet_feature_dist_scale_min_ratio': 0.75,
        **uda,
    }


def batch(seed: int = 0, *, size: int = 32, label: Tensor | None = None) -> dict:
    """Random images; labels in blocks of 8 pixels, so that feature positions have a class of their own."""
    generator = torch.Generator().manual_seed(seed)
    img, target_img = torch.randn(2, 2, 3, size, size, generator=generator)
    if label is None:
        blocks = torch.randint(NUM_CLASSES, (2, 1, size // 8, size // 8), generator=generator)
        label = blocks.repeat_interleave(8, 2).repeat_interleave(8, 3)
    metas = [{'img_norm_cfg': NORM}] * 2
    return {
        'img': img,
        'gt_semantic_seg': label,
        'img_metas': metas,
        'target_img': target_img,
        'target_img_metas': metas,
    }


def sgd(model: nn.Module, lr: float = 0.1) -> OptimWrapper:
    return OptimWrapper(torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr))
