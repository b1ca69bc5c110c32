"""The one thing that a loop has to do for encoders that replay CUDA graphs (``compile='reduce-overhead'``)."""

import sys

import torch


def begin_step() -> None:
    """Let replayed graphs use the memory of their last results anew: before each batch that is trained or predicted.

    Without the mark, torch records another graph for each call that follows one whose results are still alive. Where
    no graphs are replayed it would only load torch's compiler, which takes a second, so nothing is done there.
    """
    if 'torch._inductor.cudagraph_trees' in sys.modules:
        torch.compiler.cudagraph_mark_step_begin()
