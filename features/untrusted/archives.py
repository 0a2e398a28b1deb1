"""Zip archives of others: members are read one by one, and no more of each than it states."""

import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from features.errors import ProjectError
from features.store.format import Array
from features.untrusted import npy

# A member of this size is read; one that is larger when unpacked is no track.
MAX_MEMBER_BYTES = 2**31
MAX_MEMBERS = 5_000_000
# No DEFLATE stream is smaller by more; a member that states so was made to.
MAX_RATIO = 1100


def members_of(path: Path) -> list[str]:
    """The names of the ``.npy`` members; ProjectError for a damaged or hostile archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ProjectError(f"{path} is not a complete zip archive ({error})") from None
    names = [info.filename for info in infos]
    if len(names) > MAX_MEMBERS or len(set(names)) < len(names):
        raise ProjectError(f"{path} has too many members, or two with the same name")
    for info in infos:
        check_member(info, path)
    return [name for name in names if name.endswith(".npy")]


def check_member(info: zipfile.ZipInfo, path: Path) -> None:
    """Raise ProjectError for a member whose stated sizes cannot be, or are too large."""
    if info.file_size > MAX_MEMBER_BYTES or info.file_size > MAX_RATIO * info.compress_size + 4096:
        raise ProjectError(
            f"{path}: the member {info.filename!r} would have {info.file_size} bytes of "
            f"{info.compress_size} stored"
        )
    if info.flag_bits & 1:
        raise ProjectError(f"{path}: the member {info.filename!r} is encrypted")


def member_bytes(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """The content of a member; ProjectError where it is not what the archive states."""
    try:
        info = archive.getinfo(name)
        check_member(info, path)
        with archive.open(info) as file:
            raw = file.read(info.file_size + 1)
    except KeyError:
        raise ProjectError(f"{path} has no member {name!r}") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
    ) as e:
        raise ProjectError(f"{path}: the member {name!r} is damaged ({e})") from None
    if len(raw) != info.file_size:
        raise ProjectError(f"{path}: the member {name!r} does not have the stated size")
    return raw


def read_member(archive: zipfile.ZipFile, name: str, path: Path) -> Array:
    """The array of a ``.npy`` member."""
    raw = member_bytes(archive, name, path)
    return npy.read_array(BytesIO(raw), len(raw), f"{path}: {name!r}")
