"""Which paths of a corpus are files that may be read."""

import re
from collections.abc import Iterable
from pathlib import Path

from features.errors import ProjectError

# The stores of DVC, git-annex and the Hugging Face Hub name files by their digests, and fill
# folders with links to them.
NAMED_BY_DIGEST = re.compile(r"(.*-)?[0-9a-f]{30,64}(\.\w+)*")


def file_fault(root: Path, relative: str) -> str | None:
    """Why a path below the root is not a file that may be read, None where it is.

    A pipe or a device would be read for ever. A link that leads out of the root would read files
    that are not the corpus's, whoever made it; links within the root, a root that is a link
    itself, and links to a store that names files by their digests are followed.
    """
    path = root / relative
    if not path.exists():
        return f"{path} does not exist"
    if not path.is_file():
        return f"{path} is not a regular file"
    target = path.resolve()
    if target.is_relative_to(root.resolve()) or NAMED_BY_DIGEST.fullmatch(target.name):
        return None
    return (
        f"{path} is a link that leads out of the corpus, to {target}; give the folder that holds "
        "the files as root, or copy them (cp -L)"
    )


def refuse_links_out(folder: Path, files: Iterable[Path]) -> None:
    """Raise ProjectError for a file that is a link out of its folder."""
    for file in files:
        if file.is_file() and (fault := file_fault(folder, file.relative_to(folder).as_posix())):
            raise ProjectError(fault)
