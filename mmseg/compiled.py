"""What loops have to do for compiled encoders, and nothing where none is compiled: torch's compiler loads slowly."""

import contextlib
import importlib
import sys
from contextlib import AbstractContextManager

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


def without_compiling() -> AbstractContextManager:
    """A context in which compiled encoders run uncompiled wherever a new graph would have to be made.

    An evaluation meets many image sizes, and a smaller last batch; each would take minutes to compile.
    """
    if 'torch._dynamo.eval_frame' not in sys.modules:
        return contextlib.nullcontext()
    return torch.compiler.set_stance('eager_on_recompile')
