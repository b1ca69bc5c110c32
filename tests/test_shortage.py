import errno

import pytest

from mmseg.shortage import what_is_short


@pytest.mark.parametrize(
    ('error', 'words'),
    [
        (MemoryError(), 'no more memory'),
        (OSError(errno.ENOMEM, 'Cannot allocate memory'), 'no more memory'),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 'no more memory'),
        (RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB'), 'no more memory'),
        (OSError(errno.EMFILE, 'Too many open files', 'a.png'), 'ulimit -n'),
        (RuntimeError('received 0 items of ancdata'), 'ulimit -n'),
        (ImportError('libtorch_cpu.so: failed to map segment from shared object'), 'ulimit -v'),
        (RuntimeError('unable to allocate shared memory(shm) for file: No space left on device'), '/dev/shm'),
    ],
)
def test_a_machine_at_its_limits_is_named(error, words):
    assert words in what_is_short(error)


@pytest.mark.parametrize(
    'error', [ValueError('out of memory'), RuntimeError('shapes differ'), OSError(errno.EACCES, 'x')]
)
def test_other_errors_are_not_taken_for_it(error):
    assert what_is_short(error) is None


def test_only_what_is_asked_for_is_named():
    assert what_is_short(OSError(errno.ENOSPC, 'No space left on device', 'latest.pth'), {errno.EMFILE}) is None
