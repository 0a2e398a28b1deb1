"""params.yaml: valid files are read, and every problem in another is reported at once."""

import copy
from pathlib import Path
from typing import Any

import pytest

from features.errors import ProjectError
from features.params.load import load_params, parse_params
from features.params.yaml_files import read_yaml
from tests.conftest import ROOT


@pytest.fixture
def raw() -> dict[str, Any]:
    return copy.deepcopy(read_yaml(ROOT / "recipes" / "demo.yaml"))


def complaint(raw: Any) -> str:
    with pytest.raises(ProjectError, match=r"params\.yaml") as caught:
        parse_params(raw)
    return str(caught.value)


@pytest.mark.parametrize("file", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda f: f.stem)
def test_every_recipe_is_valid_and_has_a_head_called_main(file: Path) -> None:
    assert "main" in load_params(file).heads


def test_the_committed_params_are_the_demo_recipe() -> None:
    assert (ROOT / "params.yaml").read_bytes() == (ROOT / "recipes" / "demo.yaml").read_bytes()


def test_defaults_are_filled_in_and_whole_numbers_become_floats(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["training"]["lr"] = 1
    params = parse_params(raw)
    assert params.heads["main"].training.lr == 1.0
    assert isinstance(params.heads["main"].training.lr, float)
    assert params.backbones["log-mel"].leaf.options == {"num_bands": 64, "deltas": 0}
    assert params.tracks["demo-minilm"].store == Path("features/cache/demo/minilm.zarr")


def test_an_exponent_without_a_dot_is_a_number(tmp_path: Path) -> None:
    text = (ROOT / "recipes" / "demo.yaml").read_text().replace("lr: 0.002", "lr: 2e-3")
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(tmp_path / "params.yaml").heads["main"].training.lr == 0.002


def test_an_unknown_backbone_names_those_of_the_modality(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["inputs"]["audio"] = "log-mell"
    assert complaint(raw) == (
        "params.yaml: heads.main.inputs.audio is 'log-mell'; audio backbones are 'log-mel'. "
        "Did you mean 'log-mel'?"
    )


def test_a_text_backbone_is_refused_as_audio(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["inputs"]["audio"] = "minilm"
    assert "heads.main.inputs.audio is 'minilm'; audio backbones are 'log-mel'." in complaint(raw)


def test_the_modality_of_a_backbone_may_depend_on_its_branch(raw: dict[str, Any]) -> None:
    raw["backbones"]["minilm"] = {"code": "videollama", "branch": "text", "checkpoint": "tiny"}
    assert parse_params(raw).backbones["minilm"].modality == "text"
    raw["backbones"]["minilm"]["branch"] = "joint"
    assert "heads.main.inputs.text is 'minilm'; text backbones are none" in complaint(raw)
    raw["backbones"]["minilm"]["branch"] = "joined"
    assert "it must be one of 'joint', 'text', 'video'. Did you mean 'joint'?" in complaint(raw)


def test_a_backbone_without_a_track_says_what_to_add(raw: dict[str, Any]) -> None:
    raw["tracks"].pop("demo-log-mel")
    assert "add under tracks: demo-log-mel: {corpus: demo, backbone: log-mel}" in complaint(raw)


def test_a_misspelt_setting_suggests_the_nearest(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["training"]["patiense"] = 3
    assert "heads.main.training has no setting 'patiense'" in complaint(raw)
    assert "Did you mean 'patience'?" in complaint(raw)


def test_all_problems_are_reported_together(raw: dict[str, Any]) -> None:
    raw["heads"]["main"]["pooling"] = {"code": "atention"}
    raw["heads"]["text"]["training"]["seeds"] = [1, 1]
    raw["backbones"]["log-mel"]["num_bands"] = "many"
    raw["corpora"]["demo"].pop("root")
    raw["tracks"]["demo-minilm"]["corpus"] = "demmo"
    raw["exract"] = {}
    message = complaint(raw)
    assert "Did you mean 'attention'?" in message
    assert "heads.text.training.seeds is [1, 1]; it must be a list of different seeds" in message
    assert "backbones.log-mel.num_bands is 'many'; it must be a whole number" in message
    assert "corpora.demo.root is missing" in message
    assert "tracks.demo-minilm.corpus is 'demmo'" in message
    assert "'exract' is not a section" in message
    assert message.count("\n  - ") >= 6


@pytest.mark.parametrize("name", ["Main", "main_2", "a.b", "none", "-x"])
def test_names_that_dvc_cannot_address_are_refused(raw: dict[str, Any], name: str) -> None:
    raw["heads"][name] = raw["heads"]["main"]
    assert f"heads has an entry named {name!r}" in complaint(raw)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("extract", "part_bytes"), 0, "extract.part_bytes is 0; it must be at least 1"),
        (("extract", "dtype"), "int8", "extract.dtype is 'int8'; it must be one of"),
        (("extract", "threads"), True, "extract.threads is True; it must be a whole number"),
        (("heads", "main", "dropout"), 1.0, "heads.main.dropout is 1.0; it must be in [0, 1)"),
        (("heads", "main", "tasks"), {}, "heads.main.tasks is empty"),
        (("heads", "main", "tasks"), {"emotoin": {}}, "Did you mean 'emotion'?"),
        (("heads", "main", "fusion"), "concat", "it must be a mapping with a 'code'"),
        (("heads", "main", "inputs"), {"text": "none"}, "inputs.audio is missing"),
        (("heads", "main", "pooling", "heads"), 0, "pooling.heads is 0; it must be at least 1"),
        (("heads", "main", "training", "lr"), float("inf"), "lr is inf; it must be a number"),
        (("heads", "main", "training", "lr"), 10**400, "it must be a number"),
        (("heads", "main", "training", "seeds"), [2**70], "it must be a list of different seeds"),
        (("heads", "main", "tasks", "emotion"), {"code": [1]}, "emotion has no setting 'code'"),
        (("heads", "main", "tasks", "emotion"), [1], "emotion is [1]; it must be a mapping"),
        (("backbones", "minilm", "layers"), [-1], "layers is [-1]; it must be at least 0"),
        (("backbones",), ["minilm"], "backbones is ['minilm']; it must be a mapping"),
        (
            ("heads", "main", "tasks", "emotion"),
            {"class_weights": "balnced"},
            "Did you mean 'balanced'?",
        ),
    ],
)
def test_a_wrong_value_is_named(
    raw: dict[str, Any], path: tuple[str, ...], value: Any, expected: str
) -> None:
    mapping = raw
    for key in path[:-1]:
        mapping = mapping[key]
    mapping[path[-1]] = value
    assert expected in complaint(raw)


def test_a_missing_section_says_how_to_leave_it_empty(raw: dict[str, Any]) -> None:
    raw.pop("synthetic")
    assert "the section 'synthetic' is missing; 'synthetic: {}' leaves it empty" in complaint(raw)


def test_a_head_without_any_input_is_refused(raw: dict[str, Any]) -> None:
    raw["heads"]["text"]["inputs"] = {"text": "none", "audio": "none", "video": "none"}
    assert "heads.text.inputs switches every modality off" in complaint(raw)


def test_two_tracks_of_the_same_store_are_refused(raw: dict[str, Any]) -> None:
    raw["tracks"]["again"] = {"corpus": "demo", "backbone": "minilm"}
    assert "tracks.again writes the same store as tracks.demo-minilm" in complaint(raw)


def test_a_repeated_key_is_not_valid_yaml(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("extract: {}\nextract: {}\n")
    with pytest.raises(ProjectError, match="duplicate key"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"when: 2020-13-45", b"a: !!int foo"])
def test_a_file_that_is_not_yaml_text_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(ProjectError, match="params.yaml"):
        load_params(tmp_path / "params.yaml")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"params\.yaml does not exist.*use demo"):
        load_params(tmp_path / "params.yaml")


def test_features_that_no_corpus_has_are_named(raw: dict[str, Any]) -> None:
    raw["corpora"]["demo"]["features"] = {"faces": "faces.csv"}
    raw["backbones"]["r3d-random"] = {
        "code": "imported", "modality": "video", "features": "face", "dim": 3,
    }  # fmt: skip
    assert "features of corpora.demo are 'faces'. Did you mean 'faces'?" in complaint(raw)
