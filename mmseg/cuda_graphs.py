"""The one thing that a loop has to do for encoders that replay CUDA graphs (``compile='reduce-overhead'``)."""

import importlib
import sys

import torch

REPLAY = 'torch._inductor.cudagraph_trees'


def expect_graphs() -> None:
    """Load what replays graphs, so that :func:`begin_step` marks every step, the first one too.

    By itself torch loads it inside of the first compiled call. Without a mark before that call, each call of the step
    counts as a step of its own, which may overwrite the gradients of the backward pass before it.
    """
    importlib.import_module(REPLAY)


def begin_step() -> None:
    """Let replayed graphs use the memory of their last results anew: before each batch that is trained or predicted.

    Without the mark, torch records another graph for each call that follows one whose results are still alive. Where
    no graphs are replayed it would only load torch's compiler, which takes a second, so nothing is done there.
    """
    if REPLAY in sys.modules:
        torch.compiler.cudagraph_mark_step_begin()
