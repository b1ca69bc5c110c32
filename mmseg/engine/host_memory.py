"""How a training process on a CPU holds its memory."""

import ctypes
import sys

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
NEVER_TRIM = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library reuse what an iteration frees for the next one, instead of returning it to the system.

    Every iteration asks for the same large tensors. Returned memory comes back as zeroed pages, one fault each: that
    takes several times as long as adding two such tensors. So no block gets a mapping of its own (the library would
    give one to every block above 32 MB, whatever its threshold), and the process stays at its peak size.

    Returns:
        whether the C library is one that can do it (glibc).
    """
    if not sys.platform.startswith('linux'):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER_TRIM))
