"""Reads pickles without running anything in them: plain containers, strings, numbers and arrays.

Names in a pickle are looked up in a list of our own, never imported, and lead to functions of ours
(features/untrusted/pickled_arrays.py). Everything else is refused by its name. Strings of Python 2
come out as text.
"""

import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from features.errors import ProjectError
from features.untrusted import pickled_arrays as arrays
from features.untrusted.pickled_arrays import PickledArray, PickledType, as_text

MAX_DEPTH = 200


def _codecs_encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes in protocol 2."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", b"latin1"):
        raise ProjectError("bytes are not written as pickles write them")
    return text.encode("latin-1")


def _container(kind: Callable[..., Any]) -> Callable[..., Any]:
    """A container of nothing, or of what another holds; never of a number, which is a size."""

    def make(*arguments: Any) -> Any:
        if any(not isinstance(each, list | tuple | dict | set | frozenset) for each in arguments):
            raise ProjectError(f"a {kind.__name__} is made of {str(arguments)[:60]}")
        return kind(*arguments)

    return make


def _default_dict(*arguments: Any) -> dict[Any, Any]:
    return dict(*arguments[1:])


def _bytes(*arguments: Any) -> bytes:
    if len(arguments) == 1 and isinstance(arguments[0], bytes):
        return arguments[0]
    if len(arguments) == 2 and isinstance(arguments[0], str):
        return _codecs_encode(*arguments)
    if arguments:
        raise ProjectError("bytes are made of something else than bytes")
    return b""


class Named:
    """What a name in a pickle leads to; nothing in it can be set.

    One without a call only ever stands as an argument, such as ``numpy.ndarray``.
    """

    __slots__ = ("_call", "name")

    def __init__(self, name: str, call: Callable[..., Any] | None = None) -> None:
        self.name, self._call = name, call

    def __call__(self, *arguments: Any) -> Any:
        """Make the object; TypeError where the name stands for none."""
        if self._call is None:
            raise TypeError(f"{self.name} is called")
        return self._call(*arguments)

    def __setstate__(self, state: Any) -> None:
        """Refuse: a pickle that changes its own functions is not one of data."""
        raise ProjectError(f"changes {self.name}, which is not read")


NUMPY = {
    "_reconstruct": arrays.reconstructed,
    "scalar": arrays.scalar,
    "_frombuffer": arrays.from_buffer,
    "dtype": arrays.dtype_of,
    "ndarray": None,
}
# The modules under which NumPy's names were pickled, from its first versions to now.
NUMPY_MODULES = {
    "numpy": ("dtype", "ndarray"),
    "numpy.core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy.core.numeric": ("_frombuffer",),
    "numpy._core.numeric": ("_frombuffer",),
}
BUILTINS: dict[str, Callable[..., Any] | None] = {
    **{kind.__name__: _container(kind) for kind in (list, dict, tuple, set, frozenset)},
    **dict.fromkeys(("bytes", "bytearray"), _bytes),
    **dict.fromkeys(("int", "float", "str", "object")),
}
CALLS: dict[tuple[str, str], Callable[..., Any] | None] = {
    **{(module, name): NUMPY[name] for module, names in NUMPY_MODULES.items() for name in names},
    **{(m, name): made for m in ("builtins", "__builtin__") for name, made in BUILTINS.items()},
    ("collections", "OrderedDict"): _container(dict),
    ("collections", "defaultdict"): _default_dict,
    ("_codecs", "encode"): _codecs_encode,
}
ALLOWED = {key: Named(".".join(key), call) for key, call in CALLS.items()}
# Why some names are not read, and what to do with the file.
REFUSED = {
    "pandas": "save the table as parquet or CSV",
    "torch": "save plain tensors by torch.save and import the file as 'torch'",
    "scipy": "save plain arrays of NumPy",
    "tensorflow": "save plain arrays of NumPy",
}


class AllowListUnpickler(pickle.Unpickler):
    """An unpickler that resolves only the names in `ALLOWED`."""

    def __init__(
        self,
        file: BinaryIO,
        allowed: Mapping[tuple[str, str], Named] = ALLOWED,
        storages: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(file, encoding="bytes")
        self.allowed, self.storages = allowed, storages

    def find_class(self, module: str, name: str) -> Any:
        """What a name leads to; ProjectError for all that is not on the list."""
        if (module, name) not in self.allowed:
            package = module.partition(".")[0]
            advice = REFUSED.get(package, "save plain arrays, lists and dicts")
            raise ProjectError(
                f"holds {f'{module}.{name}'[:120]!r}, which is not read, because a pickle can run "
                f"code; {advice}"
            )
        return self.allowed[module, name]

    def persistent_load(self, key: Any) -> Any:
        """Storages of torch; other pickles have none."""
        if self.storages is None:
            raise ProjectError("refers to objects outside the file; save plain arrays")
        return self.storages(key)


def read_pickle(path: Path) -> Any:
    """The content of a pickle: dicts, lists, tuples, sets, text, numbers, None and arrays.

    Raises ProjectError for one that holds anything else, or is damaged.
    """
    with path.open("rb") as file:
        return unpickled(file, str(path))


def unpickled(file: BinaryIO, name: str, **settings: Any) -> Any:
    """`read_pickle` of an open file."""
    try:
        loaded = AllowListUnpickler(file, **settings).load()
        return _Plain().of(loaded)
    except ProjectError as error:
        raise ProjectError(f"{name}: {error}") from None
    except RecursionError:
        raise ProjectError(f"{name}: its containers are nested too deeply") from None
    except MemoryError:
        raise ProjectError(
            f"{name}: reading it takes more memory than a file of its size may need"
        ) from None
    except (
        *(pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError),
        *(AttributeError, struct.error, OverflowError, ImportError, UnicodeError),
    ) as error:
        raise ProjectError(f"{name} is not a complete pickle ({str(error)[:120]})") from None


class _Plain:
    """Puts arrays and text in the place of what stands for them; each object is visited once."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}
        self.open: set[int] = set()
        # An id belongs to another object as soon as one is gone.
        self.alive: list[Any] = []

    def of(self, value: Any, depth: int = 0) -> Any:
        """The value with everything in it replaced."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, bytes):
            return as_text(value)
        if isinstance(value, np.ndarray):
            return self._array(value, depth)
        if id(value) in self.done:
            return self.done[id(value)]
        if depth > MAX_DEPTH:
            raise RecursionError
        if id(value) in self.open:
            raise ProjectError("a container holds itself")
        self.alive.append(value)
        self.open.add(id(value))
        self.done[id(value)] = made = self._made(value, depth + 1)
        self.open.discard(id(value))
        return made

    def _made(self, value: Any, depth: int) -> Any:
        if isinstance(value, PickledArray):
            if value.array is None:
                raise ProjectError("an array has no values")
            return self._array(value.array, depth)
        if isinstance(value, dict):
            keys = [self._key(key, depth) for key in value]
            if len(set(keys)) < len(keys):
                raise ProjectError("a dict has a key as text and as bytes of the same letters")
            return dict(zip(keys, [self.of(v, depth) for v in value.values()], strict=True))
        if isinstance(value, list | tuple | set | frozenset):
            kind = list if isinstance(value, list) else tuple
            return kind(self.of(each, depth) for each in value)
        if isinstance(value, bytearray):
            return as_text(bytes(value))
        named = value.name if isinstance(value, Named) else type(value).__name__
        raise ProjectError(f"holds a {named}; it must be plain data")

    def _array(self, values: Any, depth: int) -> Any:
        """Numbers and strings as they are; an array of objects as a list."""
        if values.dtype.kind == "O":
            return self.of(values.tolist(), depth + 1)
        return values

    def _key(self, key: Any, depth: int) -> Any:
        if isinstance(key, PickledArray | PickledType | dict | list | set):
            raise ProjectError("a dict has a key that is neither text nor a number")
        return self.of(key, depth)
