"""What a rank does with memory that it has freed."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Of glibc's malloc.h; their meaning and limits: man mallopt.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_NEVER = -1
_LARGEST_MMAP_THRESHOLD = 32 << 20
"""glibc raises its own to this at most, as large memory is freed, and its other threshold to twice this."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, what is freed waits for the next who asks, and does not go back to the system and come again.

    Each step frees what the next asks for. glibc gives much of it back between them, and the system zeroes
    it anew, page by page: time that a step need not take. Elsewhere than on glibc, nothing changes.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        yield
        return
    library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
    library.mallopt(_M_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        library.mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST_MMAP_THRESHOLD)
        library.malloc_trim(0)
