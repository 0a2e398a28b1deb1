"""A limit on the memory of a child process that reads the files of strangers."""

import resource


def limit_memory(num_bytes: int) -> None:
    """Let allocations of this process beyond so many bytes fail, as if there were no more."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = num_bytes if hard == resource.RLIM_INFINITY else min(num_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
