"""Several runs that fill one store, each a share of its parts."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import cli
from extract.fill import fill
from extract.plan.share import Share
from features.errors import ProjectError
from features.specs.tracks import ExtractSpec
from tests.conftest import ROOT
from tests.fill_world import World

pytestmark = pytest.mark.slow

MANY_PARTS = ExtractSpec(part_bytes=1)


@pytest.fixture
def world(own_demo: Path, tmp_path: Path) -> World:
    return World(tmp_path, own_demo)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_leave_the_bytes_of_one_run(world: World, count: int) -> None:
    whole = world.extract(MANY_PARTS)
    expected = world.tree()
    shutil.rmtree(world.pool.folder)
    shutil.rmtree(world.path)
    made = []
    for number in range(count, 0, -1):
        assert not world.path.exists()
        result = world.extract(MANY_PARTS, Share(number, count))
        made.append(result.num_made)
        assert result.num_parts == whole.num_parts == 4
        assert result.num_unfinished == 4 - sum(made)
        if result.num_unfinished == 0:
            break
    assert world.tree() == expected and sum(made) == 4


def test_the_share_that_ends_last_publishes_whichever_it_is(world: World) -> None:
    world.extract(MANY_PARTS)
    expected = world.tree()
    shutil.rmtree(world.path)
    records = sorted(world.pool.folder.glob("*/*.json"))
    records[0].unlink()
    results = [world.extract(MANY_PARTS, Share(number, 2)) for number in (1, 2, 1)]
    assert sorted(result.num_made for result in results) == [0, 0, 1]
    assert world.tree() == expected


def test_parts_that_another_share_made_meanwhile_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.extract(MANY_PARTS)
    expected = world.tree()
    shutil.rmtree(world.pool.folder)
    shutil.rmtree(world.path)
    real, others = fill.make_missing_parts, [Share(2, 2)]

    def after_the_others(*arguments: Any) -> Any:
        made = real(*arguments)
        while others:
            assert world.extract(MANY_PARTS, others.pop()).num_unfinished == 0
            shutil.rmtree(world.path)  # as if it had stopped before it published
        return made

    monkeypatch.setattr(fill, "make_missing_parts", after_the_others)
    result = world.extract(MANY_PARTS, Share(1, 2))
    assert (result.num_made, result.num_unfinished) == (2, 0)
    assert world.tree() == expected


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2", ""])
def test_what_is_not_a_share_is_refused(text: str) -> None:
    with pytest.raises(ProjectError, match=r"--shard is .* such as 1/4 to 4/4"):
        Share.parse(text)


def test_the_command_says_what_is_left(
    own_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "tests" / "small_params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("part_bytes: 60000", "part_bytes: 1"))
    shutil.copytree(own_demo, tmp_path / "data/raw/mine")
    monkeypatch.chdir(tmp_path)

    def run(*command: str) -> str:
        done = CliRunner().invoke(cli, list(command), catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    run("manifest", "mine")
    first = run("extract", "mine-mel", "--shard", "1/2", "--device", "cpu")
    assert first == (
        "mine-mel: 2 parts made now, 2 of 4 left to other shares; the last one publishes the "
        "store\n"
    )
    assert "32 tracks in 4 parts (2 made now)" in run(
        "extract", "mine-mel", "--shard", "2/2", "--device", "cpu"
    )
    # What shares have made is found by the stage of the pipeline.
    assert "(0 made now)" in run("extract", "mine-mel", "--together", "--device", "cpu")
    done = CliRunner().invoke(cli, ["extract", "mine-mel", "--shard", "1/2", "--engine", "ray"])
    assert isinstance(done.exception, ProjectError)
    assert "either --shard or --engine ray" in str(done.exception)
