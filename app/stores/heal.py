"""`stores heal` and `runs heal`: delete damaged files wherever they are, and rebuild them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import click

from app.paths import RUNS_PATH
from features.drafts import remove
from features.errors import ProjectError
from features.params.load import Params, load_params
from features.runs.sealed import DamagedError, read_sealed
from features.runs.staleness import ENSEMBLE_RECORD, RUN_RECORD, TRANSFER_RECORD
from features.specs.tracks import store_path
from features.store.pool import Pool
from features.store.reader import store_attributes
from features.store.verify import verify


@click.command("heal")
@click.argument("name")
def heal_store(name: str) -> None:
    """Find damaged files of the store NAME, such as demo/minilm, and make them again.

    Damaged files are deleted from the store, from the pool of parts and from DVC's cache, which
    would otherwise restore them.
    """
    corpus, _, backbone = name.partition("/")
    stage = _stage_of_store(load_params(), corpus, backbone)
    path = store_path(corpus, backbone)
    problems = verify(path) if path.exists() else [f"{path} does not exist"]
    for problem in problems:
        click.echo(f"{name}: {problem}")
    num_parts = _clear_pool(path)
    num_objects = _clear_cache(path)
    click.echo(
        f"{name}: deleted {num_parts} parts from the pool, {num_objects} files from DVC's cache"
    )
    if not problems:
        click.echo(f"{name}: the store is intact")
        return
    remove(path)
    _make_again(stage)
    if left := verify(path):
        raise ProjectError(f"{name} is still damaged: {left[0]}; check the disk")
    click.echo(f"{name}: rebuilt and intact")


@click.group()
def runs() -> None:
    """Check and repair the runs of heads, ensembles and transfers."""


@runs.command("heal")
@click.argument("name")
def heal_run(name: str) -> None:
    """Run runs/NAME again if it is damaged.

    The damaged files are deleted, also in DVC's cache. NAME is a head, an ensemble or a transfer of
    params.yaml.
    """
    params = load_params()
    if name in params.transfers:
        record, stage = TRANSFER_RECORD, f"transfer@{name}"
    elif name in params.ensembles:
        record, stage = ENSEMBLE_RECORD, f"ensemble@{name}"
    else:
        head = params.pick("heads", name)
        record, stage = RUN_RECORD, head.stage
    folder = RUNS_PATH / name
    num_objects = _clear_cache(folder)
    try:
        fault = "" if read_sealed(folder, record) else f"{folder} does not exist"
    except DamagedError as error:
        fault = str(error)
    click.echo(f"{name}: {fault or 'intact'}; deleted {num_objects} files from DVC's cache")
    if fault:
        remove(folder)
        _make_again(stage)
        read_sealed(folder, record)
        click.echo(f"{name}: rebuilt and intact")


def _stage_of_store(params: Params, corpus: str, backbone: str) -> str:
    """The stage of dvc.yaml that makes a store."""
    if backbone == "none" and corpus in params.corpora:
        return f"manifest@{corpus}"
    tracks = {f"{t.corpus}/{t.backbone}": name for name, t in params.tracks.items()}
    if f"{corpus}/{backbone}" in tracks:
        return f"extract@{tracks[f'{corpus}/{backbone}']}"
    raise ProjectError(
        f"no track of params.yaml makes the store {corpus}/{backbone}; its tracks make "
        f"{', '.join(sorted(tracks))}. Name one of these, or delete the store"
    )


def _clear_pool(path: Path) -> int:
    """Delete the parts of a store that are damaged in the pool; returns how many."""
    try:
        keys = [entry["key"] for entry in store_attributes(path)["parts"]]
    except ProjectError:
        keys = [folder.name for folder in path.glob("parts/*")]
    pool, num_deleted = Pool.default(), 0
    for key in keys:
        if pool.record_path(key).exists() and pool.find(key) is None:
            pool.delete(key)
            num_deleted += 1
    return num_deleted


def _clear_cache(path: Path) -> int:
    """Delete the damaged files of a path from DVC's cache; returns how many."""
    if not Path(".dvc").is_dir():
        return 0
    from dvc.exceptions import OutputNotFoundError
    from dvc.repo import Repo

    with Repo() as repo:
        cache = repo.cache.local
        try:
            outputs = repo.find_outs_by_path(str(path), recursive=True)
        except OutputNotFoundError:
            return 0
        names = [out.hash_info.value for out in outputs if out.hash_info]
        for name in [name for name in names if name.endswith(".dir")]:
            listing = Path(cache.oid_to_path(name))
            if _is_whole(listing, name):
                names += [entry["md5"] for entry in json.loads(listing.read_bytes())]
            else:  # which files it lists is not known any more
                names += cache.all()
        files = {Path(cache.oid_to_path(name)): name for name in names}
    damaged = [file for file, name in files.items() if file.exists() and not _is_whole(file, name)]
    for file in damaged:
        file.unlink()
    return len(damaged)


def _is_whole(file: Path, name: str) -> bool:
    """Whether a file of DVC's cache has the MD5 that it is named by."""
    try:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    except OSError:
        return False
    return digest.hexdigest() == name.removesuffix(".dir")


def _make_again(stage: str) -> None:
    """Run one stage, by DVC where the folder is a DVC repository, without its run cache."""
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", stage]
    if not Path(".dvc").is_dir():
        verb, _, name = stage.partition("@")
        command = [sys.executable, "cli.py", "train" if verb == "continue" else verb, name]
    if subprocess.run(command, check=False).returncode != 0:
        raise ProjectError(f"{stage} failed (see above); fix the cause and run 'dvc repro {stage}'")
