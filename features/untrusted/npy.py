"""NumPy's array files, read without pickles and without believing a size that is not there."""

import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from features.errors import ProjectError
from features.store.format import Array

MAGIC = b"\x93NUMPY"
# Of numbers, booleans and text.
KINDS = "fiubU"


def read_header(file: BinaryIO, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of the array that begins here; the file is then at its values.

    Raises ProjectError for another file, and for arrays of objects, which only a pickle holds.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read(file)
    except (ValueError, KeyError, TypeError, OverflowError, EOFError, RecursionError) as error:
        raise ProjectError(f"{where} is not an array of NumPy ({str(error)[:80]})") from None
    if dtype.hasobject:
        raise ProjectError(
            f"{where} is an array of objects, which is a pickle inside; save plain numbers"
        )
    if dtype.kind not in KINDS or dtype.names is not None:
        raise ProjectError(f"{where} is an array of {dtype}; it must be of numbers or text")
    if any(size < 0 for size in shape):
        raise ProjectError(f"{where} has the shape {shape}")
    return shape, is_fortran, dtype


def read_array(file: BinaryIO, num_bytes: int, where: str) -> Array:
    """The array in a file of so many bytes; ProjectError where its header promises another size."""
    shape, is_fortran, dtype = read_header(file, where)
    size, rest = math.prod(shape) * dtype.itemsize, num_bytes - file.tell()
    if size != rest:
        raise ProjectError(
            f"{where} should have {size} bytes of values by its header, and has {rest}"
        )
    raw = file.read(size)
    if len(raw) != size:
        raise ProjectError(f"{where} ends too early")
    order = "F" if is_fortran else "C"
    return np.frombuffer(raw, dtype).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def read_file(path: Path) -> Array:
    """The array in a ``.npy`` file; see `read_array`."""
    with path.open("rb") as file:
        return read_array(file, path.stat().st_size, str(path))


def map_file(path: Path) -> Array:
    """A numeric array `(N, D)` in a file, mapped into memory."""
    with path.open("rb") as file:
        shape, is_fortran, dtype = read_header(file, str(path))
        start, num_bytes = file.tell(), os.fstat(file.fileno()).st_size
    if math.prod(shape) * dtype.itemsize != num_bytes - start:
        raise ProjectError(f"{path} does not have the size that its header promises")
    if dtype.kind not in "fiu" or len(shape) != 2 or is_fortran:
        raise ProjectError(f"{path} is not an array (N, D) of numbers, row by row")
    if math.prod(shape) == 0:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape)


def header(shape: tuple[int, ...], dtype: str) -> bytes:
    """The beginning of a ``.npy`` file of an array in C order."""
    from io import BytesIO

    stream = BytesIO()
    described = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue()
