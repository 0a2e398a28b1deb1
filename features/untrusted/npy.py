"""NumPy's array files, read without pickles and without believing a size that is not there."""

import math
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from features.errors import ProjectError
from features.store.format import Array

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 65536
# What NumPy writes, of numbers, booleans, text and objects; it reads more, by Python's parser.
HEADER = re.compile(
    rb"\{'descr': '(?P<order>[<>|=])(?P<kind>[fiubUO])(?P<width>\d{0,6})', "
    rb"'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,18}L?(?:, ?|,?(?=\))))*)\),? *\} *\n?"
)


def read_header(file: BinaryIO, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of the array that begins here; the file is then at its values.

    Raises ProjectError for another file, and for arrays of objects, which only a pickle holds.
    """
    start = file.read(len(MAGIC) + 2)
    if not start.startswith(MAGIC) or start[len(MAGIC) :] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise ProjectError(f"{where} is not an array of NumPy")
    size = file.read(2 if start[len(MAGIC)] == 1 else 4)
    text = file.read(min(int.from_bytes(size, "little"), MAX_HEADER_BYTES))
    match = HEADER.fullmatch(text)
    if match is None:
        raise ProjectError(
            f"{where} is not an array of numbers: its header is {text[:60].decode('latin-1')!r}"
        )
    kind, width = match["kind"].decode(), int(match["width"] or 0)
    if kind == "O":
        raise ProjectError(
            f"{where} is an array of objects, which contains a pickle; save plain numbers"
        )
    if kind != "U" and width not in (1, 2, 4, 8):
        raise ProjectError(f"{where} is an array of {kind}{width}; it must be of numbers or text")
    dtype = np.dtype(f"{match['order'].decode().replace('|', '=')}{kind}{width}")
    sizes = tuple(map(int, re.findall(rb"\d+", match["shape"])))
    return sizes, match["fortran"] == b"True", dtype


def read_array(file: BinaryIO, num_bytes: int, where: str) -> Array:
    """The array in a file of so many bytes; ProjectError where its header promises another size."""
    shape, is_fortran, dtype = read_header(file, where)
    size, rest = math.prod(shape) * dtype.itemsize, num_bytes - file.tell()
    if size != rest:
        raise ProjectError(
            f"{where} should have {size} bytes of values by its header, but has {rest}"
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
