"""The Python module: what it gives is what files and commands give."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import permafrost
from features.manifest import read_labels
from tests.predict_world import project, records, run, trained  # noqa: F401

pytestmark = pytest.mark.slow
CLIP = "data/raw/mine/audio/d003-u1.wav"


def test_tracks_are_the_store_s_with_labels_beside_them(trained: Path) -> None:
    table = permafrost.tracks("mine/minilm", project=trained)
    store = permafrost.open_store("mine/minilm", project=trained)
    labels = {label.id: label for label in read_labels(trained / "data/mine/labels.jsonl")}
    assert table.ids == list(store.ids) and table.labels == [labels[name] for name in table.ids]
    assert table.rate_hz is None and len(table) == 64
    for row, array in enumerate(table.arrays):
        assert np.array_equal(array, store.track(row)[0]) and array.dtype == np.float16
    train = permafrost.tracks("mine/mel", split="train", project=trained)
    assert {label.split for label in train.labels} == {"train"} and 0 < len(train) < 64
    assert train.rate_hz and train.arrays[0].shape[1] == 16


def test_a_store_opens_by_its_path_too(trained: Path) -> None:
    path = trained / "features/cache/mine/mel.zarr"
    assert permafrost.open_store(path).ids == permafrost.tracks("mine/mel", project=trained).ids
    with pytest.raises(permafrost.ProjectError, match=r"gone\.zarr.* does not exist"):
        permafrost.open_store("mine/gone", project=trained)


def test_a_frame_joins_utterances_labels_and_predictions(trained: Path) -> None:
    table = permafrost.frame("mine", project=trained)
    assert len(table) == 64 and {"text", "audio", "emotion", "valence", "split"} <= set(table)
    predicted = permafrost.frame("mine", "main", project=trained)
    own = records(trained / "runs/main/predictions.jsonl")
    assert len(predicted) == len(own)
    by_key = predicted.set_index(["id", "seed", "predicted_split"])
    for line in own:
        row = by_key.loc[(line["id"], line["seed"], line["split"])]
        assert row["emotion_predicted"] == line["emotion"]["predicted"]
        assert row["emotion_joy"] == line["emotion"]["probabilities"]["joy"]
        assert row["emotion"] == line["emotion"]["truth"]
    with pytest.raises(permafrost.ProjectError, match=r"trained heads are .*Did you mean 'main'\?"):
        permafrost.frame("mine", "mian", project=trained)


def test_a_loaded_head_predicts_what_the_command_writes(project: Path, tmp_path: Path) -> None:
    run("predict", "main", CLIP, "--text", "We won!", "--to", str(tmp_path / "out.csv"))
    expected = pandas.read_csv(tmp_path / "out.csv")
    with permafrost.load_head("main", device="cpu") as head:
        assert head.modalities == ["text", "audio"] and "joy" in head.classes["emotion"]
        table = head.predict(CLIP, "We won!")
        again = head.predict([CLIP], "We won!")
        along = head.predict(CLIP, every_s=0.5, window_s=1.0)
    columns = [name for name in expected if name != "file"]
    pandas.testing.assert_frame_equal(table[columns], expected[columns], check_dtype=False)
    pandas.testing.assert_frame_equal(table, again)
    assert len(along) >= 2 and list(along["start_s"][:2]) == [0.0, 0.5]
    answer = permafrost.predict("main", CLIP, "We won!")
    pandas.testing.assert_frame_equal(answer, table)


def test_a_script_anywhere_finds_it_and_needs_no_guard(project: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import permafrost\n"
        f"table = permafrost.predict('probe', {str(project / CLIP)!r}, project={str(project)!r})\n"
        "print(table['emotion'][0])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = permafrost.predict("probe", CLIP)["emotion"][0]
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: permafrost.tracks("mine/mel", split="tests"), "split is 'tests'; it must be one"),
        (lambda: permafrost.load_head("main", coverage=90), "coverage is 90; it must be between"),
        (lambda: permafrost.predict("probe", CLIP, every_s=0), "both must be above 0"),
        (lambda: permafrost.predict("probe", CLIP, "words", every_s=1.0), "words of its own"),
        (lambda: permafrost.frame("mine", project="nope"), "'nope', which is not a folder"),
        (lambda: permafrost.frame("yours", "main"), "yours"),
    ],
)
def test_what_cannot_be_is_one_message(project: Path, call: Any, message: str) -> None:
    with pytest.raises((permafrost.ProjectError, FileNotFoundError), match=message):
        call()
    assert Path.cwd() == project
