"""Errors that mean a lack of memory, in all the shapes that torch gives them."""

# Other errors say so in their message: those of cuBLAS and cuDNN, and torch.AcceleratorError after
# an asynchronous failure or for want of pinned memory.
KINDS = ("OutOfMemoryError",)
PHRASES = (
    "out of memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "unable to find an engine",
)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error of torch, cuBLAS or cuDNN means that a device's memory is full.

    Judged by the names of its classes and by its message, so torch need not be imported.
    """
    if any(kind.__name__ in KINDS for kind in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(p in str(error).lower() for p in PHRASES)
