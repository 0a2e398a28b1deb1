"""Files of features that would harm whoever believes them, one maker for each.

`REFUSED` are refused with a message that has the given words, `IMPORTED` come in right. A file that
is able to run something would touch the canary, a file beside it.
"""

import io
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

Maker = Callable[[Path], Path]
ROW = np.ones((2, 3), np.float32)


def _run(canary: Path) -> bytes:
    return f"touch {canary}".encode()


def _short(text: bytes) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text


def pickled(body: Callable[[bytes], bytes]) -> Maker:
    """A pickle whose body is made of the command that would touch the canary."""

    def make(folder: Path) -> Path:
        path = folder / "x.pkl"
        path.write_bytes(body(_run(folder / "canary")))
        return path

    return make


def calling(module: str, name: str, *arguments: bytes) -> Maker:
    """A pickle that calls a function by REDUCE, with the command where there are no arguments."""
    glob = f"c{module}\n{name}\n".encode()

    def body(command: bytes) -> bytes:
        stack = b"".join(arguments) or _short(command)
        return b"\x80\x04" + glob + b"(" + stack + b"tR."

    return pickled(body)


def holding(content: Callable[[], Any], protocol: int = 4) -> Maker:
    """A pickle of Python's own library."""
    return pickled(lambda _: pickle.dumps(content(), protocol))


def _laughs() -> bytes:
    """A list of ten lists of ten ..., each ten times the same one, forty deep."""
    inner = b"\x8c\x02ha\x94"
    for number in range(40):
        inner += b"0(" + (b"h" + bytes([number])) * 10 + b"l\x94"
    return inner


def _numpy_array(shape: bytes, dtype: bytes, raw: bytes) -> bytes:
    """A dict with one array, whose shape and type are pickles of their own."""
    start = b"\x80\x04}\x8c\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    return start + b"K\x00\x85C\x01b\x87R(K\x01" + shape + dtype + b"\x89" + raw + b"tbs."


F4 = b"cnumpy\ndtype\n\x8c\x02f4\x89\x88\x87R(K\x03\x8c\x01<NNN"
F4 += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
OBJECTS = F4.replace(b"f4", b"O8").replace(b"\x8c\x01<", b"\x8c\x01|")
PICKLES: dict[str, tuple[Maker, str]] = {
    "REDUCE os.system": (calling("os", "system"), "os.system"),
    "REDUCE posix.system": (calling("posix", "system"), "posix.system"),
    "REDUCE nt.system": (calling("nt", "system"), "nt.system"),
    "REDUCE subprocess.Popen": (calling("subprocess", "Popen"), "subprocess.Popen"),
    "REDUCE subprocess.getoutput": (calling("subprocess", "getoutput"), "subprocess.getoutput"),
    "REDUCE eval": (calling("builtins", "eval", _short(b"1")), "builtins.eval"),
    "REDUCE exec": (calling("__builtin__", "exec", _short(b"1")), "__builtin__.exec"),
    "REDUCE open": (calling("builtins", "open"), "builtins.open"),
    "REDUCE getattr": (calling("builtins", "getattr"), "builtins.getattr"),
    "REDUCE __import__": (calling("builtins", "__import__", _short(b"os")), "__import__"),
    "REDUCE import_module": (calling("importlib", "import_module"), "importlib.import_module"),
    "REDUCE runpy": (calling("runpy", "run_path"), "runpy.run_path"),
    "REDUCE pty.spawn": (calling("pty", "spawn"), "pty.spawn"),
    "REDUCE webbrowser": (calling("webbrowser", "open"), "webbrowser.open"),
    "REDUCE socket": (calling("socket", "create_connection"), "socket.create_connection"),
    "REDUCE timeit": (calling("timeit", "timeit"), "timeit.timeit"),
    "REDUCE pickle.loads": (calling("pickle", "loads", b"C\x01."), "pickle.loads"),
    "REDUCE numpy.load": (calling("numpy", "load"), "numpy.load"),
    "REDUCE numpy in f2py": (calling("numpy.f2py.crackfortran", "myeval"), "numpy.f2py"),
    "REDUCE functools.partial": (calling("functools", "partial"), "functools.partial"),
    "REDUCE operator": (calling("operator", "attrgetter"), "operator.attrgetter"),
    "REDUCE code": (calling("types", "CodeType"), "types.CodeType"),
    "REDUCE dill": (calling("dill._dill", "_create_function"), "dill._dill"),
    "REDUCE joblib": (calling("joblib.numpy_pickle", "NumpyArrayWrapper"), "joblib.numpy_pickle"),
    "REDUCE copyreg": (calling("copy_reg", "_reconstructor"), "copy_reg._reconstructor"),
    "REDUCE pathlib": (calling("pathlib", "PosixPath"), "pathlib.PosixPath"),
    "REDUCE codecs by hex": (
        calling("_codecs", "encode", _short(b"a"), _short(b"hex")),
        "not written as pickles write them",
    ),
    "REDUCE a type": (calling("numpy", "ndarray", b"K\x01"), "numpy.ndarray is called"),
    "STACK_GLOBAL": (
        pickled(
            lambda c: (
                b"\x80\x04" + _short(b"os") + _short(b"system") + b"\x93" + _short(c) + b"\x85R."
            )
        ),
        "os.system",
    ),
    "STACK_GLOBAL with dots": (
        pickled(
            lambda c: (
                b"\x80\x04"
                + _short(b"builtins")
                + _short(b"dict.fromkeys")
                + b"\x93"
                + _short(c)
                + b"\x85R."
            )
        ),
        "builtins.dict.fromkeys",
    ),
    "INST": (pickled(lambda c: b"(S'" + c + b"'\nios\nsystem\n."), "os.system"),
    "OBJ": (pickled(lambda c: b"(cos\nsystem\nS'" + c + b"'\no."), "os.system"),
    "NEWOBJ": (
        pickled(lambda c: b"\x80\x04csubprocess\nPopen\n" + _short(c) + b"\x85\x81."),
        "subprocess.Popen",
    ),
    "NEWOBJ_EX": (
        pickled(lambda c: b"\x80\x04csubprocess\nPopen\n" + _short(c) + b"\x85}\x92."),
        "subprocess.Popen",
    ),
    "NEWOBJ of a name that is allowed": (
        pickled(lambda _: b"\x80\x04cbuiltins\nlist\n)\x81."),
        "a complete pickle",
    ),
    "BUILD of a function": (
        pickled(lambda _: b"\x80\x04cbuiltins\nlist\nN}\x8c\x0c__defaults__)s\x86b."),
        "changes builtins.list",
    ),
    "EXT1": (pickled(lambda _: b"\x80\x04\x82\x01."), "a complete pickle"),
    "EXT2": (pickled(lambda _: b"\x80\x04\x83\x01\x01."), "a complete pickle"),
    "EXT4": (pickled(lambda _: b"\x80\x04\x84\x01\x01\x01\x01."), "a complete pickle"),
    "PERSID": (pickled(lambda c: b"P" + c + b"\n."), "no known format"),
    "BINPERSID": (pickled(lambda c: b"\x80\x04" + _short(c) + b"Q."), "refers to objects outside"),
    "NEXT_BUFFER": (pickled(lambda _: b"\x80\x05\x97."), "a complete pickle"),
    "pandas": (
        calling("pandas.core.frame", "DataFrame"),
        "pandas.core.frame.DataFrame'.* parquet or CSV",
    ),
    "torch": (calling("torch._utils", "_rebuild_tensor_v2"), "torch._utils.*as 'torch'"),
    "memo of 2^31": (
        pickled(lambda _: b"\x80\x04Nr\xff\xff\xff\x7f."),
        "memory|a complete pickle|known layout",
    ),
    "bytes of 2^62": (
        pickled(lambda _: b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x."),
        "a complete pickle|memory",
    ),
    "bytes of 2^40": (
        pickled(lambda _: b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x."),
        "a complete pickle|memory",
    ),
    "bytes made of a size": (
        calling("builtins", "bytearray", b"\x8a\x06\xff\xff\xff\xff\xff\x7f"),
        "bytes are made of something else",
    ),
    "a list made of a number": (calling("builtins", "list", b"K\x05"), "list is made of"),
    "nested 100,000 deep": (
        pickled(lambda _: b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b"."),
        "nested too",
    ),
    "holds itself": (pickled(lambda _: b"\x80\x04}q\x00\x8c\x01ah\x00s."), "holds itself"),
    "laughs": (pickled(lambda _: b"\x80\x04" + _laughs() + b"."), "not a known layout"),
    "shape of 2^40": (
        pickled(lambda _: _numpy_array(b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85", F4, b"C\x00")),
        "bytes, not",
    ),
    "negative shape": (
        pickled(lambda _: _numpy_array(b"J\xff\xff\xff\xff\x85", F4, b"C\x00")),
        "has the shape",
    ),
    "shape of text": (
        pickled(lambda _: _numpy_array(b"\x8c\x01a\x85", F4, b"C\x00")),
        "has the shape",
    ),
    "values beyond the shape": (
        pickled(lambda _: _numpy_array(b"K\x01\x85", F4, b"C\x08abcdefgh")),
        "bytes, not 4",
    ),
    "type with fields": (
        pickled(
            lambda _: _numpy_array(
                b"K\x01\x85", F4.replace(b"<NNN", b"<N\x8c\x01x\x85}"), b"C\x04abcd"
            )
        ),
        "fields or subarrays",
    ),
    "type of another kind": (
        pickled(lambda _: _numpy_array(b"K\x01\x85", F4.replace(b"f4", b"V4"), b"C\x04abcd")),
        "type 'V4'",
    ),
    "objects behind an array": (
        pickled(lambda _: _numpy_array(b"K\x01\x85", OBJECTS, b"(cos\nsystem\n)Rl")),
        "os.system",
    ),
    "truncated": (pickled(lambda _: pickle.dumps({"a": ROW}, 4)[:-9] + b"."), "a complete pickle"),
    "an array of words": (holding(lambda: {"a": np.array(["x", "y"])}), "not a known layout"),
    "two widths": (holding(lambda: {"a": ROW, "b": ROW[:, :2]}), "they must be equal"),
    "nothing": (holding(dict), "not a known layout"),
    "an id with a line break": (holding(lambda: {"a\nb": ROW}), "control characters"),
    "an id of 5,000 letters": (holding(lambda: {"a" * 5000: ROW}), "more than 1024 bytes"),
    "an empty id": (holding(lambda: {"": ROW}), "it must be text"),
    "a lone surrogate": (holding(lambda: {"\udc80": ROW}, 4), "not valid text|a complete"),
    "ids of two normal forms": (
        holding(lambda: {"\u00e9": ROW, "e\u0301": ROW}),
        "which look alike",
    ),
    "four dimensions": (holding(lambda: {"a": ROW[None, None]}), "has the shape"),
}


def hdf5(fill: Callable[[Any, Path], None], name: str = "x.h5") -> Maker:
    """An HDF5 file by h5py."""

    def make(folder: Path) -> Path:
        with h5py.File(folder / name, "w") as file:
            fill(file, folder)
        return folder / name

    return make


def _external_link(file: Any, folder: Path) -> None:
    with h5py.File(folder / "secret.h5", "w") as secret:
        secret["a"] = ROW
    file["healthy"] = ROW
    file["a"] = h5py.ExternalLink("secret.h5", "/a")


def _external_storage(file: Any, folder: Path) -> None:
    (folder / "secret.bin").write_bytes(ROW.tobytes())
    file.create_dataset("a", ROW.shape, "f4", external=[("secret.bin", 0, ROW.nbytes)])


def _virtual(file: Any, folder: Path) -> None:
    with h5py.File(folder / "secret.h5", "w") as secret:
        secret["a"] = ROW
    layout = h5py.VirtualLayout(ROW.shape, "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "a", shape=ROW.shape)
    file.create_virtual_dataset("a", layout)


def _link_below_tracks(file: Any, folder: Path) -> None:
    _external_link(file, folder)
    file["ids"] = ["healthy", "a"]
    file.move("healthy", "tracks/healthy")
    file.move("a", "tracks/a")


def _cycle(file: Any, _: Path) -> None:
    file.create_group("a")
    file["a/b"] = file["a"]


def _plugin(file: Any, _: Path) -> None:
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((2, 3))
    created.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    space = h5py.h5s.create_simple((2, 3))
    h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_FLOAT, space, created)


def _ours(**changes: Any) -> Callable[[Any, Path], None]:
    def fill(file: Any, _: Path) -> None:
        content = {"ids": ["a", "b"], "values": np.ones((4, 3)), "start": [0, 2], "length": [2, 2]}
        for name, values in {**content, **changes}.items():
            file[name] = values

    return fill


def _sequence(features: Any, intervals: Any) -> Maker:
    def fill(file: Any, _: Path) -> None:
        file["words/data/a/features"] = features
        file["words/data/a/intervals"] = intervals

    return hdf5(fill, "x.csd")


HDF5: dict[str, tuple[Maker, str]] = {
    "external link": (hdf5(_external_link), "'a' is a link"),
    "external link below our tracks": (hdf5(_link_below_tracks), "'tracks/a' is a link"),
    "soft link": (
        hdf5(lambda f, _: f.update({"b": ROW, "a": h5py.SoftLink("/b")})),
        "'a' is a link",
    ),
    "external storage": (hdf5(_external_storage), "in other files"),
    "virtual dataset": (hdf5(_virtual), "in other files"),
    "groups in a circle": (hdf5(_cycle), "nested more than"),
    "deep groups": (
        hdf5(lambda f, _: f.create_dataset("/".join("a" * 40), data=ROW)),
        "nested more than",
    ),
    "a shape that nothing fills": (
        hdf5(lambda f, _: f.create_dataset("a", (2**40, 8), "f4", chunks=(1024, 8))),
        "bytes of values are stored",
    ),
    "a plugin as filter": (hdf5(_plugin), "compressed by a plugin|bytes of values"),
    "compound numbers": (
        hdf5(lambda f, _: f.create_dataset("a", data=np.zeros(2, "f4,i4"))),
        "no utterances",
    ),
    "start beyond the values": (hdf5(_ours(start=[0, 3])), "has the steps 3 to 5, but there are 4"),
    "a length below zero": (hdf5(_ours(length=[2, -1])), "has the steps"),
    "more ids than rows": (hdf5(_ours(ids=["a", "b", "c"])), "one for each id"),
    "an id twice": (hdf5(_ours(ids=["a", "a"])), "'a' twice"),
    "numbers as ids": (hdf5(_ours(ids=[1, 2])), "not a list of texts"),
    "two widths in one file": (
        hdf5(lambda f, _: f.update({"a": ROW, "b": ROW[:, :2]})),
        "they must be equal",
    ),
    "cut off": (
        lambda folder: _cut(hdf5(lambda f, _: f.update({"a": ROW}))(folder)),
        "HDF5|known format",
    ),
    "reversed intervals": (_sequence(ROW, [[0.0, 1.0], [2.0, 1.5]]), "interval from 2 to 1.5"),
    "intervals that are no numbers": (
        _sequence(ROW, [[0.0, np.nan], [1.0, 2.0]]),
        "interval from 0 to nan",
    ),
    "fewer intervals than steps": (_sequence(ROW, [[0.0, 1.0]]), "and 1 intervals"),
}


def _cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def zipped(
    *members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED, name: str = "x.npz"
) -> Maker:
    """A zip archive with these members."""

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / name, "w", compression) as archive:
            for member, content in members:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    archive.writestr(member, content)
        return folder / name

    return make


def npy(values: Any, old: bytes = b"", new: bytes = b"") -> bytes:
    """An array as a .npy file, with something of its header replaced."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue().replace(old, new)


def _stated_larger(folder: Path) -> Path:
    """A member that states to be ten thousand times larger than what is stored of it."""
    path = zipped(("a.npy", npy(ROW)))(folder)
    raw = bytearray(path.read_bytes())
    place = raw.find(b"PK\x01\x02") + 24
    raw[place : place + 4] = struct.pack("<I", 2_000_000)
    path.write_bytes(raw)
    return path


def _stated_huge(folder: Path) -> Path:
    """A member that states to be of 3 GB, of 30 MB that are stored."""
    path = zipped(("a.npy", npy(ROW)))(folder)
    raw = bytearray(path.read_bytes())
    place = raw.find(b"PK\x01\x02") + 20
    raw[place : place + 8] = struct.pack("<II", 30_000_000, 3_000_000_000)
    path.write_bytes(raw)
    return path


def _encrypted(folder: Path) -> Path:
    path = zipped(("a.npy", npy(ROW)))(folder)
    raw = bytearray(path.read_bytes())
    for place in (raw.find(b"PK\x03\x04") + 6, raw.find(b"PK\x01\x02") + 8):
        raw[place] |= 1
    path.write_bytes(raw)
    return path


class _Touch:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def _object_array(folder: Path) -> Path:
    objects = np.empty(1, object)
    objects[0] = _Touch(folder / "canary")
    np.savez(folder / "x.npz", a=objects)
    return folder / "x.npz"


ARCHIVES: dict[str, tuple[Maker, str]] = {
    "an array of objects": (_object_array, "an array of objects"),
    "a header of more": (
        zipped(("a.npy", npy(ROW, old=b"(2, 3)", new=b"(2, 9)"))),
        "should have 72 bytes",
    ),
    "a header of 2^50": (
        zipped(("a.npy", npy(ROW, old=b"(2, 3), }  ", new=b"(2, 1 << 9)"))),
        "not an array",
    ),
    "a header of less": (
        zipped(("a.npy", npy(ROW, old=b"(2, 3)", new=b"(1, 3)"))),
        "should have 12 bytes",
    ),
    "a header that is deep": (
        zipped(("a.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 9000) + b"(" * 9000)),
        "not an array",
    ),
    "a later version": (zipped(("a.npy", b"\x93NUMPY\x09\x00" + npy(ROW)[8:])), "not an array"),
    "a structured array": (zipped(("a.npy", npy(np.zeros(2, "f4,f4")))), "not an array of numbers"),
    "a member twice": (zipped(("a.npy", npy(ROW)), ("a.npy", npy(ROW))), "two with the same name"),
    "a member that states a size of its own": (_stated_larger, "would have 2000000 bytes"),
    "an encrypted member": (_encrypted, "is encrypted"),
    "a member beyond any track": (_stated_huge, "would have 3000000000 bytes of 30000000 stored"),
    "cut off archive": (lambda folder: _cut(zipped(("a.npy", npy(ROW)))(folder)), "zip|known"),
}


def _tensor_file(change: Callable[[bytes], bytes]) -> Maker:
    """A file of torch.save whose pickle is changed."""

    def make(folder: Path) -> Path:
        torch.save({"a": torch.ones(2, 3)}, folder / "good.pt")
        with (
            zipfile.ZipFile(folder / "good.pt") as good,
            zipfile.ZipFile(folder / "x.pt", "w") as bad,
        ):
            for info in good.infolist():
                raw = good.read(info)
                bad.writestr(info.filename, change(raw) if info.filename.endswith(".pkl") else raw)
        (folder / "good.pt").unlink()
        return folder / "x.pt"

    return make


def _whole_module(folder: Path) -> Path:
    torch.save(torch.nn.Linear(2, 2), folder / "x.pt")
    return folder / "x.pt"


def _legacy(folder: Path) -> Path:
    torch.save({"a": torch.ones(2)}, folder / "x.pt", _use_new_zipfile_serialization=False)
    return folder / "x.pt"


TORCH: dict[str, tuple[Maker, str]] = {
    "a whole module": (_whole_module, "torch.nn.modules.linear.Linear"),
    "torch before 1.6": (_legacy, "format before 1.6"),
    "a size beyond the storage": (
        _tensor_file(lambda raw: raw.replace(b"K\x02K\x03\x86", b"K\x09K\x03\x86", 1)),
        "larger than its storage",
    ),
    "an offset beyond the storage": (
        _tensor_file(lambda raw: raw.replace(b"QK\x00K\x02", b"QK\x7fK\x02", 1)),
        "larger than its storage",
    ),
    "another class in a tensor file": (
        _tensor_file(lambda raw: raw.replace(b"ctorch._utils\n_rebuild_tensor_v2", b"cos\nsystem")),
        "os.system",
    ),
    "a storage that is not there": (
        _tensor_file(lambda raw: raw.replace(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x007")),
        "no member",
    ),
}


def parquet(table: Callable[[], Any], change: Callable[[bytes], bytes] | None = None) -> Maker:
    """A parquet file by pyarrow, changed afterwards."""

    def make(folder: Path) -> Path:
        pq.write_table(table(), folder / "x.parquet")
        if change is not None:
            raw = (folder / "x.parquet").read_bytes()
            (folder / "x.parquet").write_bytes(change(raw))
        return folder / "x.parquet"

    return make


def _plain() -> Any:
    return pa.table({"id": ["a", "b"], "track": [[[1.0, 2.0]], [[3.0, 4.0]]]})


def _columns(**columns: Any) -> Callable[[], Any]:
    return lambda: pa.table(columns)


PARQUET: dict[str, tuple[Maker, str]] = {
    "a footer of another length": (
        parquet(_plain, lambda raw: raw[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1"),
        "a complete parquet",
    ),
    "a footer of nothing": (
        parquet(_plain, lambda raw: raw[:-8] + struct.pack("<I", 0) + b"PAR1"),
        "a complete",
    ),
    "the beginning alone": (parquet(_plain, lambda raw: raw[:4]), "a complete parquet"),
    "ragged steps": (
        parquet(_columns(id=["a"], track=[[[1.0, 2.0], [3.0]]])),
        "differ in length",
    ),
    "a missing number": (parquet(_columns(id=["a"], track=[[[1.0, None]]])), "a number is missing"),
    "no ids": (parquet(_columns(track=[[[1.0]]])), "must have a column of ids"),
    "an id that is null": (
        parquet(_columns(id=["a", None], track=[[[1.0]]] * 2)),
        "must be text",
    ),
    "an id of two rows": (parquet(_columns(id=["a", "a"], track=[[[1.0]]] * 2)), "'a' twice"),
    "a split that is none": (
        parquet(_columns(id=["a"], turn=["x"], track=[[[1.0]]])),
        "turn is 'x'",
    ),
}


def folder_of(fill: Callable[[Path, Path], None]) -> Maker:
    """A folder of files."""

    def make(folder: Path) -> Path:
        inner = folder / "features"
        inner.mkdir()
        np.save(inner / "healthy.npy", ROW)
        fill(inner, folder)
        return inner

    return make


def _link_out(inner: Path, folder: Path) -> None:
    np.save(folder / "secret.npy", ROW)
    (inner / "a.npy").symlink_to(folder / "secret.npy")


def _pipe(inner: Path, _: Path) -> None:
    os.mkfifo(inner / "a.npy")


def _lengths(text: str, labels: str | None = None) -> Maker:
    def fill(inner: Path, _: Path) -> None:
        (inner / "healthy.npy").rename(inner / "train.npy")
        (inner / "train.lengths").write_text(text)
        if labels is not None:
            (inner / "train.emo").write_text(labels)

    return folder_of(fill)


def text_file(name: str, text: str) -> Maker:
    """A file of text."""

    def make(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return make


OTHERS: dict[str, tuple[Maker, str]] = {
    "a link out of the folder": (folder_of(_link_out), "leads out of"),
    "objects in a folder": (
        folder_of(
            lambda inner, folder: np.save(inner / "a.npy", np.array([_Touch(folder / "canary")]))
        ),
        "an array of objects",
    ),
    "lengths below zero": (_lengths("3\n-1\n"), "below 0"),
    "lengths without end": (_lengths("9" * 30), "below 0, or beyond"),
    "lengths that are words": (_lengths("two"), "whole number on each line"),
    "lengths of more": (_lengths("9\n"), "add up to 9 steps"),
    "labels of fewer": (_lengths("1\n1\n", "a joy\n"), "has 1 lines for 2 lengths"),
    "arff without ids": (
        text_file("x.arff", "@relation x\n@attribute f real\n@data\n1\n"),
        "no attribute of ids",
    ),
    "arff of broken rows": (
        text_file("x.arff", "@relation x\n@attribute id string\n@attribute f real\n@data\na,1,2\n"),
        "not ARFF",
    ),
    "a table without numbers": (text_file("x.csv", "id,word\na,b\n"), "no columns of numbers"),
    "a table with a word among numbers": (text_file("x.csv", "id,f\na,1\nb,x\n"), "f is 'x'"),
}
REFUSED = {**PICKLES, **HDF5, **ARCHIVES, **TORCH, **PARQUET, **OTHERS}

# What looks hostile, or is, beside what is not; with the ids that come in.
IMPORTED: dict[str, tuple[Maker, list[str]]] = {
    "ids that differ by case": (holding(lambda: {"Ab": ROW, "aB": ROW}), ["Ab", "aB"]),
    "ids of paths": (zipped(("../../a.npy", npy(ROW)), ("/b.npy", npy(ROW))), ["../../a", "/b"]),
    "two number formats": (
        holding(lambda: {"a": ROW.astype("f2"), "b": ROW.astype("f8")}),
        ["a", "b"],
    ),
    "overlapping intervals": (_sequence(ROW, [[0.0, 2.0], [1.0, 3.0]]), ["a"]),
    "a pipe in the folder": (folder_of(_pipe), ["healthy"]),
    "a pickle inside a string": (
        holding(lambda: {"a": ROW, "b": ROW, "cos\\nsystem": ROW}),
        ["a", "b", "cos\\nsystem"],
    ),
    "a number that is not finite": (holding(lambda: {"a": ROW * np.nan, "b": ROW}), ["a", "b"]),
    "big-endian numbers": (holding(lambda: {"a": ROW.astype(">f4")}), ["a"]),
}
