"""How a process that trains or evaluates on a CPU holds its memory."""

import ctypes
import sys
from collections.abc import Callable

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
NEVER_TRIM = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library reuse what an iteration, or an image, frees for the next one, instead of returning it.

    Every one asks for the same large tensors. Returned memory comes back as zeroed pages, one fault each: that
    takes several times as long as adding two such tensors. So no block gets a mapping of its own (the library would
    give one to every block above 32 MB, whatever its threshold), and the process stays at its peak size.

    Returns:
        whether the C library is one that can do it (glibc).
    """
    mallopt = _glibc('mallopt')
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER_TRIM))


def return_freed_memory() -> bool:
    """Hand what is not in use back to the system once, as after a run.

    Returns:
        whether there was something, and the C library is one that can do it (glibc).
    """
    trim = _glibc('malloc_trim')
    return trim is not None and bool(trim(0))


def _glibc(function: str) -> Callable | None:
    if not sys.platform.startswith('linux'):
        return None
    return getattr(ctypes.CDLL(None), function, None)
