"""Do two revisions of this project make the same stores and the same figures?

    python benchmarks/checks/same_bytes.py [REVISION] [--ravdess FOLDER] [--json FILE]

Runs the demo, and RAVDESS where its folder is named, with the command line of REVISION (a git
name) and with that of the working tree, each in an empty folder, with the parameters of REVISION.
Compares every file of every store, the manifests, the labels, and the figures and predictions of
every head. A change that only moves or renames must leave all of them as they were. Exits 1 where
one differs.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
# Short trainings, so that both revisions are run in minutes.
TRAINING = {"demo": {"seeds": [0, 1], "epochs": 4}, "ravdess-mel": {"seeds": [0], "epochs": 2}}
COMPARED = ("features/cache", "data", "runs")
FIGURES = ("metrics.json", "predictions.jsonl", "curves.csv", "confusion.csv", "evaluation.json")


def sources(revision: str | None, folder: Path) -> None:
    """The files of a revision, or of the working tree, in a folder."""
    if revision is None:
        names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in names.decode().split("\0"):
            if name and (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((ROOT / name).read_bytes())
        return
    with tarfile.open(fileobj=io.BytesIO(_git("archive", revision))) as archive:
        archive.extractall(folder, filter="data")


def run_recipe(folder: Path, recipe: str, corpus: Path | None, source: Path) -> None:
    """Run all stages of a recipe of `source` in a folder, with short trainings."""
    raw = YAML(typ="safe").load(source / "recipes" / f"{recipe}.yaml")
    for head in raw["heads"].values():
        head["training"] = {**head["training"], **TRAINING[recipe]}
    for entry in raw["corpora"].values():
        entry["root"] = str(corpus) if corpus else entry["root"]
    YAML(typ="safe").dump(raw, folder / "params.yaml")
    stages = [("synthesise", "synthetic"), ("manifest", "corpora"), ("extract", "tracks")]
    for command, section in [*stages, ("train", "heads")]:
        for name in raw[section]:
            print(f"{folder.name}: {command} {name}", file=sys.stderr, flush=True)
            subprocess.run(
                [sys.executable, "cli.py", command, name],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PERMAFROST_PARTS": str(folder / ".parts")},
            )


def made_files(folder: Path) -> Iterator[Path]:
    """What a user keeps of a run: stores, manifests, labels, figures and predictions."""
    for top in COMPARED:
        for file in sorted((folder / top).rglob("*")):
            parts = file.relative_to(folder).parts
            hidden = any(part.startswith(".") for part in parts)
            if not file.is_file() or hidden or "synthetic" in parts:
                continue
            if top != "runs" or file.name in FIGURES:
                yield file


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file that was made, by its path."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in made_files(folder)
    }


def compare(revision: str, recipe: str, corpus: Path | None) -> dict[str, Any]:
    """Run a recipe with both revisions; how many files were made, and which differ."""
    with tempfile.TemporaryDirectory() as work:
        made = []
        for name, which in (("before", revision), ("after", None)):
            folder = Path(work) / name
            folder.mkdir()
            sources(which, folder)
            run_recipe(folder, recipe, corpus, Path(work) / "before")
            made.append(digests(folder))
    before, after = made
    differ = sorted(name for name in before | after if before.get(name) != after.get(name))
    num_bytes = sum(".zarr" in name for name in before)
    return {"recipe": recipe, "files": len(before), "in_stores": num_bytes, "differ": differ}


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def main() -> None:
    """Print one line for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", nargs="?", default="HEAD")
    parser.add_argument("--ravdess", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    revision = _git("rev-parse", options.revision).decode().strip()
    results = [compare(revision, "demo", None)]
    if options.ravdess:
        results.append(compare(revision, "ravdess-mel", options.ravdess.resolve()))
    for result in results:
        print(
            f"{result['recipe']}: {result['files']} files, {result['in_stores']} of them in "
            f"stores; {len(result['differ'])} differ from {revision[:8]}"
        )
        for name in result["differ"]:
            print(f"  {name}")
    if options.json:
        options.json.write_text(json.dumps({"revision": revision, "results": results}, indent=2))
    sys.exit(1 if any(result["differ"] for result in results) else 0)


if __name__ == "__main__":
    main()
