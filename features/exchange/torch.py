"""Files of torch.save: a dict of plain tensors by id, alone or by split, or a list of such dicts.

The archive is read without torch and without running anything: the pickle in it may name only
tensors and their storages, as with `torch.load(weights_only=True)`, and storages are copied out of
the archive. The layouts are those of `pickle`.
"""

import math
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.exchange import pickle as pickles
from features.foreign.contract import Content, Note
from features.foreign.recognise import begins_with
from features.store.format import Array
from features.untrusted.archives import member_bytes, members_of
from features.untrusted.unpickle import ALLOWED, Named, unpickled

SUFFIXES = (".pt", ".pth")
# Storages and their types; bfloat16 is widened.
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BFloat16Storage": "bfloat16",
}
DATA = "data.pkl"
MAX_VALUES = 2**31


def recognises(path: Path) -> bool:
    """A zip archive with ``data.pkl`` in a folder of it, or torch's format before 1.6."""
    if begins_with(path, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M"):
        return True
    if not begins_with(path, b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/", 1)[-1] == DATA for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def read(path: Path, note: Note) -> Content:
    """Every tensor by its id."""
    if not begins_with(path, b"PK\x03\x04"):
        raise ProjectError(
            f"{path} is in torch's format before 1.6, in which everything is one pickle; load it "
            "with weights_only=True and save it again"
        )
    members_of(path)
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.split("/", 1)[-1] == DATA]
        if len(names) != 1:
            raise ProjectError(f"{path} has {len(names)} members data.pkl; it must have one")
        root = names[0].removesuffix(DATA)
        order = f"{root}byteorder"
        if order in archive.namelist() and member_bytes(archive, order, path) != b"little":
            raise ProjectError(f"{path} was written on a big-endian machine; save it on another")
        raw = member_bytes(archive, names[0], path)
        storages = _storages(archive, root, path)
        loaded = unpickled(BytesIO(raw), str(path), allowed=_allowed(), storages=storages)
    note("tensors of torch")
    return pickles.content_of(loaded, path, note)


def _storages(archive: zipfile.ZipFile, root: str, path: Path) -> Callable[[Any], Any]:
    """What finds the values that a tensor refers to by ``("storage", type, key, device, size)``."""
    found: dict[str, Array] = {}

    def storage(key: Any) -> Array:
        is_known = isinstance(key, tuple) and len(key) == 5 and isinstance(key[1], Named)
        kind = key[1].name.removeprefix("torch.") if is_known else None
        if kind not in STORAGES or not str(key[2]).isdigit():
            raise ProjectError("refers to something that is not a storage of numbers")
        name = f"{root}data/{key[2]}"
        if name not in found:
            raw = member_bytes(archive, name, path)
            code = STORAGES[kind]
            found[name] = _widened(raw) if code == "bfloat16" else np.frombuffer(raw, code)
        return found[name]

    return storage


def _widened(raw: bytes) -> Array:
    return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)


def _allowed() -> dict[tuple[str, str], Named]:
    kinds = {("torch", name): Named(f"torch.{name}") for name in STORAGES}
    return {
        **ALLOWED,
        **kinds,
        ("torch._utils", "_rebuild_tensor_v2"): Named("torch tensor", _tensor),
    }


def _tensor(values: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Array:
    """A tensor's values as an array of its own; ProjectError where it leaves its storage."""
    sizes = (
        (offset, *size, *stride) if isinstance(size, tuple) and isinstance(stride, tuple) else ()
    )
    is_sound = isinstance(values, np.ndarray) and sizes and len(size) == len(stride) <= 8
    if not is_sound or not all(type(each) is int and each >= 0 for each in sizes):
        raise ProjectError("a tensor has an invalid shape")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    is_empty = 0 in size
    if math.prod(size) > MAX_VALUES or (not is_empty and last >= len(values)):
        raise ProjectError("a tensor is larger than its storage")
    if is_empty:
        return np.zeros(size, values.dtype)
    strides = [step * values.itemsize for step in stride]
    return np.array(np.lib.stride_tricks.as_strided(values[offset:], size, strides))
