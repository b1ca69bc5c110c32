"""The device that a process of a run trains on."""

import os

import torch
from mmengine import Config

from mmseg.arithmetic import require_driver


def device_of(cfg: Config) -> torch.device:
    """The CPU where the config says so (``n_gpus=0``) or no GPU is there, else the GPU of this process.

    Raises:
        InputError: there is a GPU whose driver is too old for this torch.
    """
    if cfg.get('n_gpus') == 0:
        return torch.device('cpu')
    require_driver('train on the CPU: --gpus 0')
    if not torch.cuda.is_available():
        return torch.device('cpu')
    return torch.device('cuda', int(os.environ.get('LOCAL_RANK', '0')))
