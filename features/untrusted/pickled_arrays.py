"""Stand-ins for what NumPy's pickles name, so that nothing of NumPy is called with their content.

A pickle of an array calls ``_reconstruct`` and then sets a state. Here both go to objects of our
own, which check shape, type and size before an array is made of the bytes.
"""

import math
import re
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.store.format import Array

# Numbers, strings of fixed width, and Python objects.
DTYPE = re.compile(r"[<>=|]?([biufSUO])(\d{0,9})")
MAX_DIMS = 8


class PickledType:
    """A dtype of a pickle: numbers, strings or objects; no fields, no subarrays."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, byte_order: str = "<") -> None:
        kind, size = _matched(code)
        self.dtype = np.dtype(f"{byte_order if kind != 'O' else ''}{kind}{size}")

    def __setstate__(self, state: Any) -> None:
        """Take the byte order alone; other parts belong to types that are not read."""
        if not isinstance(state, tuple) or len(state) < 5 or any(part for part in state[2:5]):
            raise ProjectError("an array has fields or subarrays; arrays must be of plain numbers")
        order = as_text(state[1])
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder("<" if order == "<" else ">")


class PickledArray:
    """An array of a pickle, whose values come with its state."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: Array | None = None

    def __setstate__(self, state: Any) -> None:
        """Make the array of `(version, shape, dtype, in Fortran's order, bytes)`."""
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise ProjectError("an array has an invalid state")
        shape, dtype, is_fortran, raw = state[-4:]
        self.array = array_of(raw, dtype, shape, "F" if is_fortran else "C")


def array_of(raw: Any, dtype: Any, shape: Any, order: str = "C") -> Array:
    """An array of the bytes, or the list of objects, that a pickle holds."""
    if not isinstance(dtype, PickledType):
        raise ProjectError("an array does not have a numeric type")
    shape = (shape,) if isinstance(shape, int) else shape
    is_shape = isinstance(shape, tuple) and len(shape) <= MAX_DIMS
    if not is_shape or not all(type(size) is int and size >= 0 for size in shape):
        raise ProjectError(f"an array has the shape {str(shape)[:60]}, which is invalid")
    count = math.prod(shape)
    if dtype.dtype.kind == "O":
        if not isinstance(raw, list) or len(raw) != count:
            raise ProjectError("an array of objects has another number of them than its shape")
        objects = np.empty(count, object)
        objects[:] = raw
        return objects.reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]
    if isinstance(raw, str):
        raw = raw.encode("latin-1")
    if not isinstance(raw, bytes | bytearray | memoryview):
        raise ProjectError("the values of an array are not bytes")
    if len(raw) != count * dtype.dtype.itemsize:
        raise ProjectError(
            f"an array of the shape {shape} has {len(raw)} bytes, not "
            f"{count * dtype.dtype.itemsize}"
        )
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def dtype_of(code: Any, *_: Any) -> PickledType:
    """What ``numpy.dtype`` is called with in a pickle."""
    return PickledType(as_text(code))


def reconstructed(_kind: Any, shape: Any = (0,), _code: Any = b"b") -> PickledArray:
    """What ``_reconstruct`` is called with: always an empty array, filled by its state."""
    if shape != (0,):
        raise ProjectError(f"an array begins with the shape {str(shape)[:60]}, not (0,)")
    return PickledArray()


def from_buffer(raw: Any, dtype: Any, shape: Any, order: Any = "C") -> PickledArray:
    """What ``_frombuffer`` is called with, in protocol 5."""
    made = PickledArray()
    made.array = array_of(raw, dtype, shape, "F" if as_text(order) == "F" else "C")
    return made


def scalar(dtype: Any, raw: Any = None) -> Any:
    """A number of NumPy as one of Python."""
    return array_of(raw, dtype, ()).item()


def as_text(value: Any) -> str:
    """A string of Python 2 or 3: bytes are UTF-8, else Windows-1252, else Latin-1."""
    if isinstance(value, bytes):
        for encoding in ("utf-8", "cp1252"):
            try:
                return value.decode(encoding)
            except UnicodeDecodeError:
                continue
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise ProjectError(f"{str(value)[:60]!r} stands where a string must be")
    return value


def _matched(code: str) -> tuple[str, str]:
    match = DTYPE.fullmatch(code)
    if match is None or (match[1] in "iuf" and match[2] not in ("1", "2", "4", "8")):
        raise ProjectError(f"an array is of the type {code[:40]!r}; it must be of plain numbers")
    return match[1], match[2]
