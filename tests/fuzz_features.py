"""Damages files of features in many ways and decodes each, in a child process."""

import pickletools
import random
import shutil
from pathlib import Path

from features.errors import ProjectError
from features.foreign.decode import decode_here
from features.foreign.decoded import Decoded
from features.foreign.recognise import formats
from features.untrusted.unpickle import unpickled

OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]


def damaged(raw: bytes, seed: int) -> bytes:
    """A file with some bits turned, a piece cut out, doubled, or replaced by noise."""
    rng = random.Random(seed)
    content = bytearray(raw)
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice((1, 4, 16, 200)))
    kind = seed % 5
    if kind == 0:
        for _ in range(rng.choice((1, 1, 2, 8))):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[start:end]
    elif kind == 2:
        content[start:start] = content[start:end]
    elif kind == 3:
        content[start:end] = rng.randbytes(end - start)
    else:
        number = rng.choice((0, 1, 0x7F, 0xFF, 2**31 - 1, 2**32 - 1, 2**63 - 1)).to_bytes(
            8, "little"
        )
        content[start : start + rng.choice((1, 2, 4, 8))] = number[: rng.choice((1, 2, 4, 8))]
    return bytes(content)


def try_damages(path: Path, form: str, seeds: range, folder: Path) -> dict[str, int]:
    """How many damaged files were refused, came in, or needed too much memory.

    A file that ends in any other exception raises RuntimeError with its seed.
    """
    files = [path] if path.is_file() else sorted(path.iterdir())
    counts = {"refused": 0, "in": 0, "memory": 0}
    for seed in seeds:
        copy = folder / path.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if path.is_file():
            shutil.copy(path, copy)
        else:
            shutil.copytree(path, copy)
        chosen = files[seed % len(files)]
        target = copy if path.is_file() else copy / chosen.name
        target.write_bytes(damaged(chosen.read_bytes(), seed))
        try:
            decode_here(copy, form, folder / "decoded")
            content = Decoded(folder / "decoded")
            for field in content.fields:
                for row in range(len(content.ids)):
                    content.tracks(field).track(row)
            counts["in"] += 1
        except ProjectError:
            counts["refused"] += 1
        except MemoryError:
            counts["memory"] += 1
        except Exception as error:
            raise RuntimeError(f"{form}, seed {seed}: {type(error).__name__}: {error}") from error
    return counts


def try_opcodes(seeds: range) -> dict[str, int]:
    """Random sequences of opcodes as pickles; see `try_damages`."""
    from io import BytesIO

    counts = {"refused": 0, "in": 0, "memory": 0}
    names = [b"os\nsystem\n", b"numpy\ndtype\n", b"builtins\nlist\n", b"numpy\nndarray\n"]
    names += [b"numpy.core.multiarray\n_reconstruct\n", b"collections\nOrderedDict\n"]
    for seed in seeds:
        rng = random.Random(seed)
        body = b"\x80\x04"
        for _ in range(rng.randrange(1, 40)):
            opcode = rng.choice(OPCODES)
            argument = rng.choice((b"", rng.randbytes(rng.choice((1, 2, 4, 8))), rng.choice(names)))
            body += opcode + (rng.choice(names) if opcode in (b"c", b"i") else argument)
        try:
            unpickled(BytesIO(body + b"."), "x")
            counts["in"] += 1
        except ProjectError:
            counts["refused"] += 1
        except Exception as error:
            raise RuntimeError(f"opcodes, seed {seed}: {type(error).__name__}: {error}") from error
    return counts


def all_formats() -> list[str]:
    """The names of all formats."""
    return formats()
