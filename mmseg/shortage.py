"""Errors that tell of a machine at its limits, which is no defect of ours: in words, with the setting that helps."""

import errno
from collections.abc import Container

SHORT = {
    errno.EMFILE: 'this process may open no more files (ulimit -n)',
    errno.ENFILE: 'the system can open no more files',
    errno.ENOMEM: 'there is no more memory (fewer data.workers_per_gpu and data.samples_per_gpu take less; ulimit -v)',
    errno.ENOSPC: 'there is no space left where workers hand on their data (/dev/shm; docker run --shm-size)',
}
# What torch's messages say in place of an error number.
WORDS = {
    'Too many open files': errno.EMFILE,
    'ancdata': errno.EMFILE,
    'Cannot allocate memory': errno.ENOMEM,
    "can't allocate memory": errno.ENOMEM,
    'out of memory': errno.ENOMEM,
    'bad_alloc': errno.ENOMEM,
    'failed to map segment': errno.ENOMEM,  # a library that is loaded
    "can't start new thread": errno.ENOMEM,
    'allocate shared memory': errno.ENOSPC,
    'No space left on device': errno.ENOSPC,
}


def what_is_short(error: BaseException, numbers: Container[int] = SHORT) -> str | None:
    """Which resource of the machine an error tells of, in words; None if it tells of something else.

    Args:
        error: as it was raised, by Python or by torch.
        numbers: the error numbers of interest.
    """
    if isinstance(error, MemoryError):
        return SHORT[errno.ENOMEM]
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, OSError | RuntimeError | ImportError):
        number = next((number for words, number in WORDS.items() if words in str(error)), None)
    return SHORT.get(number) if number is not None and number in numbers else None
