"""Checkpoints from the Hugging Face hub: fetched once, and completed where files are missing."""

import glob
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)
from huggingface_hub.utils import httpx, logging  # type: ignore[attr-defined]

from extract.network.weights_files import file_names, setting_names, weights_names
from features.errors import ProjectError

# It warns when it uses a local copy because the hub does not answer, which is intended.
logging.set_verbosity_error()

# The login page of a public network is not JSON, which is a ValueError.
HUB_FAULTS = (httpx.HTTPError, XetDownloadError, OSError, ValueError, RuntimeError)
TIMEOUT_S = 10.0
MODELSCOPE = ("iic/", "damo/")
MODELSCOPE_REMEDY = (
    "Download it with ModelScope ('modelscope download') and give its folder, or give the name on "
    "the Hugging Face hub, such as 'emotion2vec/emotion2vec_base', with its commit."
)


def hub_folder(name: str, revision: str) -> Path:
    """The local folder of a repository at a commit, with every file of it that loading reads.

    Missing files are downloaded. Where the hub does not answer, or does not give the files, a local
    copy with weights is taken as it is.
    """
    try:
        return _completed(name, revision)
    except HUB_FAULTS as error:
        local = local_copy(name, revision)
        if local is not None and weights_names(local, file_names(local)):
            return local
        raise ProjectError(_fault(name, revision, error)) from None


def _completed(name: str, revision: str) -> Path:
    try:
        names = [file.path for file in get_cached_repo_tree(name, revision=revision)]
        is_listed = True
    except CachedRepoTreeNotFoundError:
        # The library's other listing waits for minutes where there is no network.
        siblings = HfApi().model_info(name, revision=revision, timeout=TIMEOUT_S).siblings or []
        names = [file.rfilename for file in siblings]
        is_listed = False
    folder = _fetched(name, revision, setting_names(names), is_listed)
    return _fetched(name, revision, weights_names(folder, names), is_listed=True)


def _fetched(name: str, revision: str, files: Sequence[str], is_listed: bool) -> Path:
    """The local copy with these files; `is_listed` says whether all the hub's files are known."""
    local = local_copy(name, revision)
    if local is not None and is_listed and all((local / file).exists() for file in files):
        return local
    patterns = [glob.escape(file) for file in files]
    return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))


def local_copy(name: str, revision: str) -> Path | None:
    """The folder of a repository at a commit as far as it was downloaded; None if it was not."""
    try:
        folder = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=[]
        )
    except (LocalEntryNotFoundError, ValueError):
        return None
    return Path(folder)


def _fault(name: str, revision: str, error: Exception) -> str:
    if isinstance(error, RepositoryNotFoundError) and name.startswith(MODELSCOPE):
        return (
            f"the Hugging Face hub has no checkpoint {name!r}, which is a name on ModelScope. "
            f"{MODELSCOPE_REMEDY}"
        )
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    login = "log in with 'hf auth login' or set HF_TOKEN"
    match error:
        case GatedRepoError():
            fault = f"{name!r} is gated on the Hugging Face hub"
            remedy = f"Accept its terms on https://huggingface.co/{name} and {login}"
        case RevisionNotFoundError():
            fault = f"{name!r} on the Hugging Face hub has no commit {revision}"
            remedy = "Look up the commit there"
        case RepositoryNotFoundError():
            fault = f"the Hugging Face hub has no public checkpoint {name!r}"
            remedy = f"Check its name, or {login} if it is private"
        case _:
            reason = getattr(error, "strerror", None) or type(error).__name__
            fault = (
                f"the checkpoint {name!r} at {revision} is not on this machine and could not be "
                f"downloaded ({reason})"
            )
            refused = f"The hub refuses (status {status}): {login}"
            remedy = refused if status in (401, 403) else "Connect to the internet"
    return f"{fault}. {remedy}, or copy its folder here and give the folder as the checkpoint."
