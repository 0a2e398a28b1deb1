"""Folders that are refused unless every file is present and unchanged."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from features.drafts import locked_for_reading
from features.errors import ProjectError
from features.files import digest_file, digest_json, write_folder


@dataclass(frozen=True)
class Sealed:
    """A folder that was read: its record, and the content of some of its files by name."""

    folder: Path
    record: dict[str, Any]
    contents: dict[str, bytes]

    @property
    def seal(self) -> str:
        """The digest over the record, and by it over all files."""
        return str(self.record["seal"])

    def json(self, name: str) -> Any:
        """The content of a JSON file."""
        return json.loads(self.contents[name])


class DamagedError(ProjectError):
    """A folder of which a file is missing or not as it was written."""


def write_sealed(
    folder: Path, record_name: str, record: Mapping[str, Any], files: Mapping[str, bytes]
) -> None:
    """Replace a folder by one with these files, by relative name, and their record.

    The record is JSON in the file `record_name`. It gets the digest of every other file, and a
    seal: the digest of the record itself.
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    write_folder(folder, {**files, record_name: sealed_record(record, digests)})


def sealed_record(record: Mapping[str, Any], digests: Mapping[str, str]) -> bytes:
    """The record of a folder whose files, by relative name, have these SHA-256 digests."""
    plain = json.loads(json.dumps({**record, "files": digests}))
    return json.dumps({**plain, "seal": digest_json(plain)}, indent=2).encode()


def read_sealed(folder: Path, record_name: str, names: Sequence[str] = ()) -> Sealed | None:
    """A folder that `write_sealed` wrote, with the contents of the files `names`; None if absent.

    A name that ends with a slash stands for all files below it. Every file is checked. Raises
    DamagedError where one is missing or has changed.
    """
    with locked_for_reading(folder):
        try:
            record = json.loads((folder / record_name).read_bytes())
        except FileNotFoundError:
            if folder.is_dir() and any(folder.iterdir()):
                raise DamagedError(f"{folder / record_name} is missing") from None
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedError(f"{folder / record_name} cannot be read ({error})") from None
        if not isinstance(record, dict) or not isinstance(record.get("files"), dict):
            raise DamagedError(f"{folder / record_name} names no files")
        if "seal" not in record:
            raise DamagedError(f"{folder / record_name} has no seal")
        if record["seal"] != digest_json({k: v for k, v in record.items() if k != "seal"}):
            raise DamagedError(f"{folder / record_name} is not as it was written")
        folders = tuple(name for name in names if name.endswith("/"))
        contents = {name: b"" for name in names if name not in folders}
        for name, digest in record["files"].items():
            _refuse_outside(folder / record_name, name)
            if name not in contents and not name.startswith(folders):
                # Without holding it: a bundle may have a frozen network of many gigabytes.
                if _digest(folder / name) != digest:
                    raise DamagedError(f"{folder / name} is not as it was written")
                continue
            contents[name] = _read(folder / name)
            if hashlib.sha256(contents[name]).hexdigest() != digest:
                raise DamagedError(f"{folder / name} is not as it was written")
    return Sealed(folder, record, contents)


def _refuse_outside(record: Path, name: str) -> None:
    """Raise DamagedError for a name that leads out of the folder: records come from elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise DamagedError(f"{record} names the file {name!r}, which is not inside its folder")


def _read(file: Path) -> bytes:
    with _named(file):
        return file.read_bytes()


def _digest(file: Path) -> str:
    with _named(file):
        return digest_file(file)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise DamagedError(f"{file} is not a regular file")
    try:
        yield
    except FileNotFoundError:
        raise DamagedError(f"{file} is missing") from None
    except OSError as error:
        raise DamagedError(f"{file} cannot be read ({error.strerror})") from None
