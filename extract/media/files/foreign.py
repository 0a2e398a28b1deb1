"""Files of features that other tools wrote, decoded in a child process."""

from contextlib import nullcontext
from pathlib import Path

from extract.media.child import Child
from extract.media.errors import UnreadableError
from features.errors import ProjectError
from features.foreign.decode import decode, decoded_folder, path_digest, state_of
from features.foreign.decoded import Decoded
from features.foreign.flat import size_of
from features.store.pool import Pool

# Seconds that any file may take, and how much longer a large one.
TIMEOUT_S, BYTES_PER_S = 120.0, 5_000_000


def read_decoded(
    path: Path, form: str, digest: str | None = None, child: Child | None = None
) -> tuple[Decoded, str]:
    """The content of a file and its digest; a child process decodes it where none has before.

    Raises ProjectError where the file is not as its format must be, or not the one that `digest`
    names. A `child` that is given is used and stays.
    """
    state = state_of(path)
    actual = path_digest(path)
    if digest is not None and digest != actual:
        raise ProjectError(
            f"{path} is not the file that params.yaml names: its digest is {actual}, not {digest}"
        )
    folder = decoded_folder(Pool.default().folder, actual, form)
    if not folder.exists():
        size = size_of(path)
        with nullcontext(child) if child else Child(TIMEOUT_S + size / BYTES_PER_S) as own:
            try:
                own.call(decode, path, form, folder.absolute(), state)
            except UnreadableError as error:
                raise ProjectError(f"{path} cannot be read: {error.detail}") from None
    return Decoded(folder), actual
