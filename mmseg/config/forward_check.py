"""A forward pass without memory: whether the parts of a network fit each other, before any file is read."""

from typing import Any

import torch
from mmengine.config import Config

from mmseg.config.encoder_images import crop_sizes
from mmseg.errors import InputError
from mmseg.models.networks import input_channels, student_network

META = 'meta'


def check_forward(cfg: Config, model: Any) -> None:
    """Let one image of the size of training go through a network on the meta device, to the logits of all heads.

    Nothing is done where the size is not known, and nothing is said of what cannot be computed without values.

    Args:
        cfg: a complete config.
        model: what it trains, on the meta device.

    Raises:
        InputError: from the part that the shapes do not fit; other kinds of errors come out as they are.
    """
    student = student_network(model)
    size = next((size for _, size in crop_sizes(cfg)), None)
    if size is None or not hasattr(student, 'training_logits'):
        return
    trains = student.training
    student.eval().to(META)  # some parts make their tables on the CPU wherever they are built
    try:
        _forward(student, torch.zeros(1, input_channels(student) or 3, *size, device=META))
    except InputError:
        raise
    except Exception as error:
        if not isinstance(error, NotImplementedError) and META not in str(error):
            raise
    finally:
        student.train(trains)


@torch.no_grad()
def _forward(student: Any, img: torch.Tensor) -> None:
    view = student.draw_view(img.shape, torch.Generator()) if student.draws_views else None
    student.training_logits(student.extract_feat(img, view))
