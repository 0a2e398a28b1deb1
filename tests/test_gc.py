"""`stores gc` frees what nothing needs, and nothing else."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from features.files import digest_json
from features.store.pool import Pool
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def here(own_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a store of spectrograms in four parts, in which commands run."""
    text = (ROOT / "tests" / "small_params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("part_bytes: 60000", "part_bytes: 1"))
    shutil.copytree(own_demo, tmp_path / "data/raw/mine")
    monkeypatch.chdir(tmp_path)
    run("manifest", "mine")
    extract()
    return tmp_path


def run(*command: str) -> str:
    done = CliRunner().invoke(cli, list(command), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def extract(*options: str) -> None:
    run("extract", "mine-mel", "--device", "cpu", *options)


def edit(old: str, new: str) -> None:
    path = Path("params.yaml")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def keys() -> set[str]:
    return {record.stem for record in Pool.default().folder.glob("??/*.json")}


def test_parts_of_settings_that_nothing_names_are_freed(here: Path) -> None:
    before = keys()
    edit("num_bands: 16", "num_bands: 12")
    extract()
    assert len(keys()) == 8
    assert "4 parts (0.1 MB) would be freed" in run("stores", "gc", "--dry-run")
    assert len(keys()) == 8
    printed = run("stores", "gc")
    assert printed.splitlines()[0].endswith("kept: in a store")
    assert "4 parts (0.1 MB) freed" in printed
    assert len(keys()) == 4 and not keys() & before
    assert not [path for path in Pool.default().folder.rglob("*") if path.stem in before]
    assert run("stores", "verify").count("ok") == 2


def test_an_extraction_that_is_not_complete_is_kept(here: Path) -> None:
    edit("num_bands: 16", "num_bands: 12")
    extract("--shard", "1/2")
    assert len(keys()) == 6
    printed = run("stores", "gc")
    assert "2 parts (" in printed and "kept: for a backbone in params.yaml or recipes/" in printed
    assert len(keys()) == 6


def test_parts_with_a_file_that_was_replaced_are_freed(here: Path) -> None:
    before = keys()
    clips = sorted((here / "data/raw/mine").rglob("*.wav"))
    clips[0].write_bytes(clips[-1].read_bytes())
    run("manifest", "mine")
    run("stores", "gc")
    assert keys() == before  # the store is still the old one
    extract()
    assert len(keys()) == 5
    assert "1 parts (0.0 MB) freed" in run("stores", "gc")
    assert len(keys()) == 4 and len(keys() & before) == 3


def test_parts_of_an_earlier_version_are_kept_and_damaged_records_are_not(here: Path) -> None:
    edit("num_bands: 16", "num_bands: 12")
    extract()
    pool = Pool.default()
    stored = {p.name for p in (here / "features/cache/mine/mel.zarr/parts").glob("*/")}
    old, damaged, *_ = sorted(keys() - stored)
    content = json.loads(pool.record_path(old).read_bytes())["part"]
    del content["made_for"]
    sealed = {"part": content, "seal": digest_json(content)}
    pool.record_path(old).write_text(json.dumps(sealed))
    pool.record_path(damaged).write_bytes(b"{}")
    assert "1 parts" in run("stores", "gc") and "made by an earlier version" in run("stores", "gc")
    assert keys() == {*stored, old}
