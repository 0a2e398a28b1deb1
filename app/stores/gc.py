"""`stores gc`: frees parts that no store and no setting needs any more."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from app.paths import manifest_path, published
from features.drafts import remove
from features.errors import ProjectError
from features.foreign.flat import size_of
from features.manifest import read_utterances
from features.params.load import load_params
from features.params.yaml_files import parse_yaml
from features.source import ROOT
from features.specs.tracks import CACHE_PATH, settings_digest
from features.store.pool import Part, Pool
from features.store.reader import Store


@dataclass(frozen=True)
class Needs:
    """What parts are needed for: stores by their keys, unfinished tracks by their settings.

    `encoded` are the utterances of the complete stores, by their name and recipe.
    """

    keys: frozenset[str]
    settings: frozenset[str]
    encoded: dict[str, frozenset[str]]

    def reason(self, part: Part) -> str | None:
        """Why a part is kept; None where nothing needs it."""
        if part.key in self.keys:
            return "in a store"
        if not part.made_for:
            return "made by an earlier version, which did not record what they are for"
        made_for = f"{part.made_for['name']} {part.made_for['recipe']}"
        superseded = set(part.ids) <= self.encoded.get(made_for, frozenset())
        if part.made_for["settings"] in self.settings and not superseded:
            return "for a backbone in params.yaml or recipes/"
        return None


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be freed, and delete nothing.")
def gc(dry_run: bool) -> None:
    """Delete parts of the pool that no store and no backbone of params.yaml needs.

    Stores in DVC's history and backbones in recipes/ count too. Do not extract while it runs. In a
    pool shared by several clones, parts that only the other clones need are deleted as well.
    """
    needs, pool = present_needs(), Pool.default()
    kept: dict[str, list[int]] = {}
    freed: list[int] = []
    for record in sorted(pool.folder.glob("??/*.json")):
        part = pool.read(record.stem)
        chunk = pool.chunk_path(record.stem)
        state = chunk.stat() if chunk.exists() else None
        reason = needs.reason(part) if part else None
        if reason is not None:
            kept.setdefault(reason, []).append(state.st_size if state else 0)
            continue
        # What a store shares stays on disk with it.
        freed.append(state.st_size if state and state.st_nlink == 1 else 0)
        if not dry_run:
            pool.delete(record.stem)
    _free_decoded(pool, dry_run)
    for reason, sizes in sorted(kept.items()):
        click.echo(f"{_amount(sizes)} kept: {reason}")
    click.echo(f"{_amount(freed)} {'would be freed' if dry_run else 'freed'}")


def _free_decoded(pool: Pool, dry_run: bool) -> None:
    """Delete the decoded copies of imported files; they are decoded again when needed."""
    folders = [folder for folder in (pool.folder / "imported").glob("*") if folder.is_dir()]
    if folders:
        num_bytes = sum(size_of(folder) for folder in folders)
        freed = "would be freed" if dry_run else "freed"
        click.echo(f"{len(folders)} decoded feature files ({num_bytes / 1e6:.1f} MB) {freed}")
    for folder in () if dry_run else folders:
        remove(folder)


def _amount(sizes: list[int]) -> str:
    return f"{len(sizes)} parts ({sum(sizes) / 1e6:.1f} MB)"


def present_needs() -> Needs:
    """What the stores of this folder, DVC's history, params.yaml and recipes/ need."""
    params = load_params()
    keys = set(_keys_in_history())
    encoded: dict[str, frozenset[str]] = {}
    for name, path in published().items():
        store = Store(path)
        keys |= {entry["key"] for entry in store.attributes["parts"]}
        corpus = manifest_path(path.parent.name)
        if corpus.exists() and [u.id for u in read_utterances(corpus)] == store.ids:
            made_for = f"{name.replace('/', '-')} {store.attributes['recipe']}"
            encoded[made_for] = frozenset(store.ids)
    files = sorted((ROOT / "recipes").glob("*.yaml"))
    backbones = [b for p in (params, *map(load_params, files)) for b in p.backbones.values()]
    settings = frozenset(settings_digest(backbone.leaf) for backbone in backbones)
    return Needs(frozenset(keys), settings, encoded)


def _keys_in_history() -> Iterator[str]:
    """The keys of the parts of every store that a commit of dvc.lock names.

    Those of stores whose listing is not in DVC's cache are left out: `dvc pull` brings their files,
    not parts.
    """
    if not Path(".dvc").is_dir():
        return
    from dvc.repo import Repo

    with Repo() as repo:
        cache = repo.cache.local
        for digest in {digest for text in _locks() for digest in _store_digests(text)}:
            listing = Path(cache.oid_to_path(digest))
            if listing.exists():
                for entry in json.loads(listing.read_bytes()):
                    folder, _, rest = entry["relpath"].partition("/")
                    if folder == "parts" and "/" in rest:
                        yield rest.partition("/")[0]


def _locks() -> Iterator[str]:
    """The content of dvc.lock, now and in every commit of git that changed it."""
    lock = Path("dvc.lock")
    if lock.exists():
        yield lock.read_text()
    for commit in _git("log", "--all", "--format=%H", "--", "dvc.lock").split():
        yield _git("show", f"{commit}:./dvc.lock")


def _store_digests(lock: str) -> Iterator[str]:
    """What DVC names the listings of stores by, in one dvc.lock."""
    for stage in (parse_yaml(lock, "dvc.lock").get("stages") or {}).values():
        for output in stage.get("outs", []):
            path = Path(output["path"])
            if path.suffix == ".zarr" and CACHE_PATH in path.parents:
                yield output["md5"]


def _git(*command: str) -> str:
    try:
        done = subprocess.run(["git", *command], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ProjectError("git is needed to read DVC's history; install it") from None
    return done.stdout if done.returncode == 0 else ""
