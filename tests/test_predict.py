"""Predictions for new clips: equal to the run's own, and honest about what is missing."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from app.predict.models import read_model
from extract.fill.reader import Reader
from features.errors import ProjectError
from features.manifest import Label, read_labels
from features.params.load import load_params
from features.runs.described import described
from features.runs.restored import restored_head
from features.store.reader import Store
from tests.conftest import ROOT
from tests.predict_world import HEADS, project, records, run, trained  # noqa: F401
from tests.videos import write_video
from train.apply.answers import averaged, causes_of
from train.apply.trained import TrainedHeads
from train.scoring.calibration import tempered
from train.scoring.measure import UNKNOWN
from train.scoring.pair_measure import PairMeasure

pytestmark = pytest.mark.slow
TABLE = "data/raw/mine/utterances.csv"
CLIP = "data/raw/mine/audio/d003-u1.wav"


def own_predictions(project: Path, head: str) -> dict[tuple[str, str, int], dict[str, Any]]:
    """What the run itself predicted, by utterance, fold and seed."""
    lines = records(project / "runs" / head / "predictions.jsonl")
    return {(line["id"], line["fold"], line["seed"]): line for line in lines}


@pytest.mark.parametrize("head", HEADS)
def test_a_corpus_s_own_clips_get_the_run_s_own_predictions(
    head: str, project: Path, tmp_path: Path
) -> None:
    done = run("predict", head, TABLE, "--each", "--to", str(tmp_path / "out.jsonl"))
    assert done.exit_code == 0, done.output
    own, num_compared = own_predictions(project, head), 0
    for record in records(tmp_path / "out.jsonl"):
        for single in record["each"]:
            expected = own.get((record["id"], single["fold"], single["seed"]))
            if expected is None:
                continue  # it was in the training split of that fold
            num_compared += 1
            answer = single["emotion"]
            assert answer["label"] == expected["emotion"]["predicted"]
            assert answer["probabilities"] == pytest.approx(
                expected["emotion"]["probabilities"], abs=2e-6
            )
            if "vad" in single:
                assert single["vad"]["valence"] == pytest.approx(
                    expected["valence"]["predicted"], abs=1e-5
                )
            if "causes" in single:
                assert single["causes"]["label"] == expected["cause_pairs"]["predicted"]
                turns = [record["turn"] - n for n in expected["cause_pairs"]["causes"]]
                assert single["causes"]["causes"] == [
                    f"{record['dialogue']}-u{turn}" for turn in turns
                ]
    assert num_compared == len(own) > 30


def test_clips_are_standardised_by_the_speakers_that_a_table_names(
    project: Path, tmp_path: Path
) -> None:
    labels = {x.id: x for x in read_labels(project / "data/mine/labels.jsonl")}
    rows = pandas.read_csv(project / TABLE)
    rows = rows[[labels[name].split == "test" for name in rows["id"]]]
    table = project / Path(TABLE).with_name("tested.csv")
    own = own_predictions(project, "by-speaker")
    try:
        rows.to_csv(table, index=False)
        done = run("predict", "by-speaker", str(table), "--each", "--to", f"{tmp_path}/out.jsonl")
        assert done.exit_code == 0, done.output
        num_speakers = rows["speaker"].nunique()
        assert f"{len(rows)} clips (of {num_speakers} speakers with" in done.stderr
        for record in records(tmp_path / "out.jsonl"):
            (single,) = record["each"]
            expected = own[record["id"], single["fold"], single["seed"]]["emotion"]
            assert single["emotion"]["probabilities"] == pytest.approx(
                expected["probabilities"], abs=2e-6
            )
        rows.drop(columns="speaker").to_csv(table, index=False)
        done = run("predict", "by-speaker", str(table), "--to", f"{tmp_path}/alone.jsonl")
        assert f"by the speaker, {len(rows)} others by the training split" in done.stderr
        changed = records(tmp_path / "alone.jsonl")
    finally:
        table.unlink()
    before = records(tmp_path / "out.jsonl")
    assert any(a["emotion"] != b["emotion"] for a, b in zip(before, changed, strict=True))


@pytest.mark.parametrize("head", HEADS)
def test_stored_tracks_give_the_run_s_own_predictions(head: str, project: Path) -> None:
    model = read_model(head)
    heads = TrainedHeads(model.record, model.weights)
    labels = read_labels(project / "data/mine/labels.jsonl")
    places = [Label(x.id, speaker=x.speaker, dialogue=x.dialogue, turn=x.turn) for x in labels]
    names = {"text": "minilm", "audio": "mel"}
    stores = {m: Store(project / f"features/cache/mine/{names[m]}.zarr") for m in heads.shapes}
    tracks = {m: [store.track(store.rows[x.id]) for x in labels] for m, store in stores.items()}
    own, num_compared = own_predictions(project, head), 0
    for fold, seed, prediction in zip(
        heads.folds, heads.seeds, heads.predict(places, tracks), strict=True
    ):
        for row, label in enumerate(labels):
            expected = own.get((label.id, fold, seed))
            if expected is not None:
                num_compared += 1
                shares = list(expected["emotion"]["probabilities"].values())
                assert prediction["emotion"][row] == pytest.approx(shares, abs=1e-6)
    assert num_compared == len(own)


def test_the_answer_is_the_mean_of_tempered_probabilities(project: Path, tmp_path: Path) -> None:
    run("predict", "folded", TABLE, "--each", "--to", str(tmp_path / "out.jsonl"))
    temperatures = json.loads((project / "runs/folded/calibration.json").read_text())["emotion"][
        "temperatures"
    ]
    assert len(temperatures) == 2
    for record in records(tmp_path / "out.jsonl"):
        singles = [
            tempered(
                np.array(list(single["emotion"]["probabilities"].values())),
                temperatures[single["fold"]][0],
            )
            for single in record["each"]
        ]
        assert list(record["emotion"]["probabilities"].values()) == pytest.approx(
            np.mean(singles, axis=0), abs=1e-9
        )


def test_one_clip_is_answered_as_in_the_table(project: Path, tmp_path: Path) -> None:
    """Alone, from a file, in another batch and as another utterance."""
    run("predict", "probe", TABLE, "--to", str(tmp_path / "table.jsonl"))
    done = run("predict", "probe", CLIP, "--to", str(tmp_path / "one.jsonl"))
    assert done.exit_code == 0, done.output
    (one,) = records(tmp_path / "one.jsonl")
    (same,) = [r for r in records(tmp_path / "table.jsonl") if r["id"] == "d003-u1"]
    assert one["file"] == CLIP and one["id"] == "d003-u1"
    assert one["emotion"]["probabilities"] == pytest.approx(same["emotion"]["probabilities"])


def test_words_change_the_answer_and_a_missing_modality_is_said(
    project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    done = run("predict", "main", CLIP, "--to", str(out))
    assert "text is missing in 1 of 1 clips" in done.output
    (without,) = records(out)
    assert without["missing"] == ["text"]
    assert (
        "missing in"
        not in run("predict", "main", CLIP, "--text", "We won!", "--to", str(out)).output
    )
    (with_words,) = records(out)
    assert "missing" not in with_words
    assert with_words["emotion"] != without["emotion"]
    done = run("predict", "main", "--text", "We won!", "--to", str(out))
    (words_alone,) = records(out)
    assert words_alone["file"] is None and words_alone["missing"] == ["audio"]


def test_a_folder_with_broken_clips_answers_for_the_others(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    shutil.copytree(project / "data/raw/mine/audio", folder)
    (folder / "d001-u2.wav").write_bytes(b"RIFF not audio")
    (folder / "d002-u0.wav").write_bytes(b"")
    write_video(folder / "silent.mp4", [0, 80, 160, 240] * 5)
    done = run("predict", "probe", str(folder), "--to", str(tmp_path / "out.csv"))
    assert done.exit_code == 1
    assert "out.csv: 65 clips, 3 without an answer" in done.output
    frame = pandas.read_csv(tmp_path / "out.csv").set_index("id")
    assert len(frame) == 65
    failed = frame[frame["reason"].notna()]
    assert dict(failed["reason"]) == {
        "d001-u2": "undecodable",
        "d002-u0": "undecodable",
        "silent": "absent",
    }
    assert failed["emotion"].isna().all()
    others = frame[frame["reason"].isna()]
    assert others["emotion"].notna().all() and (others["emotion_joy"] > 0).all()


def test_a_broken_file_is_not_a_missing_modality(project: Path, tmp_path: Path) -> None:
    """Though there are words to answer from."""
    (tmp_path / "clip.wav").write_bytes(b"RIFF not audio")
    out = tmp_path / "out.jsonl"
    done = run("predict", "main", str(tmp_path / "clip.wav"), "--text", "We won!", "--to", str(out))
    (record,) = records(out)
    assert done.exit_code == 1
    assert record["reason"] == "undecodable" and "emotion" not in record


def test_a_clip_whose_reading_is_ended_does_not_end_the_others(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Reader.read

    def failing(reader: Reader, item: Any) -> Any:
        if item[0].id == "d003-u2":
            raise ProjectError("reading it took too long; finished parts are kept. Run it again.")
        return read(reader, item)

    monkeypatch.setattr(Reader, "read", failing)
    clips = [f"data/raw/mine/audio/d003-u{turn}.wav" for turn in (1, 2, 3)]
    done = run("predict", "probe", *clips, "--to", str(tmp_path / "out.jsonl"))
    assert done.exit_code == 1
    first, failed, last = records(tmp_path / "out.jsonl")
    assert (failed["reason"], failed["detail"]) == ("not-read", "reading it took too long")
    assert first["emotion"] and last["emotion"]


def test_links_and_other_folders_are_read_and_hidden_files_are_not(
    project: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copy(CLIP, tmp_path / "one.wav")
    (folder / "link.wav").symlink_to((project / CLIP).absolute())
    (folder / "._link.wav").write_bytes(b"of another system")
    out = str(tmp_path / "out.jsonl")
    done = run("predict", "probe", f"{folder}/../one.wav", str(folder), "--to", out)
    assert done.exit_code == 0, done.output
    one, link = records(tmp_path / "out.jsonl")
    assert one["emotion"] == link["emotion"] and link["file"] == f"{folder}/link.wav"


def test_labels_of_a_table_are_not_looked_at(project: Path, tmp_path: Path) -> None:
    """Nor are paths refused that lead elsewhere, nor rows of one file without ids."""
    clip = (project / CLIP).absolute()
    (tmp_path / "new.csv").write_text(
        f"audio,start,end,valence,split,emotion,causes\n{clip},0,0.5,n/a,holdout,?,gone\n"
        f"{clip},0.5,1,,,,\n"
    )
    done = run("predict", "probe", str(tmp_path / "new.csv"), "--to", str(tmp_path / "o.jsonl"))
    assert done.exit_code == 0, done.exception
    assert "nothing to learn" not in done.output
    first, second = records(tmp_path / "o.jsonl")
    assert first["id"] != second["id"] and first["emotion"] != second["emotion"]


def test_a_name_that_is_not_utf8_and_a_formula_are_written_as_text(
    project: Path, tmp_path: Path
) -> None:
    name = os.fsdecode(b"=1+caf\xe9.wav")
    shutil.copy(CLIP, tmp_path / name)
    for ending in ("jsonl", "csv", "parquet"):
        done = run("predict", "probe", str(tmp_path / name), "--to", str(tmp_path / f"o.{ending}"))
        assert done.exit_code == 0, done.exception
    assert pandas.read_csv(tmp_path / "o.csv")["id"][0] == "'=1+caf\ufffd"


def test_a_broken_params_yaml_is_said_and_the_run_answers(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained / "runs", tmp_path / "runs")
    (tmp_path / "params.yaml").write_text("heads: [")
    monkeypatch.chdir(tmp_path)
    done = run("predict", "probe", str(trained / CLIP))
    assert done.exit_code == 0 and "cannot check whether it is stale" in done.output


def test_the_answers_of_every_head_are_printed(project: Path) -> None:
    lines = run("predict", "folded", CLIP, "--each").stdout.splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == [
        "    fold-1, seed 0",
        "    fold-2, seed 0",
    ]


def test_causes_are_those_that_half_of_the_heads_name() -> None:
    measure = PairMeasure(("anger", "joy"), earlier=1, later=0)
    # Per head: the emotion (-1: none), a cause here, a cause one turn before, and out of reach.
    votes = np.array(
        [
            [[0, 1, 0, 0], [1, 1, 0, 0], [-1, 0, 0, 0]],
            [[1, 1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0]],
            [[1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]],
        ],
        float,
    )
    assert UNKNOWN == -1
    merged = averaged(measure, votes)
    labels = [Label(f"u{turn}", dialogue="d", turn=turn) for turn in range(3)]
    assert causes_of(measure, merged, labels) == [
        {"label": "joy", "causes": ["u0"]},
        {"label": None, "causes": []},
        {"label": None, "causes": []},
    ]


def test_parquet_and_csv_hold_the_same_cells(project: Path, tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        done = run("predict", "probe", CLIP, "--coverage", "0.5", "--to", f"{tmp_path}/o.{ending}")
        assert done.exit_code == 0, done.output
    table, parquet = (
        pandas.read_csv(tmp_path / "o.csv"),
        pandas.read_parquet(tmp_path / "o.parquet"),
    )
    assert list(table) == list(parquet) and {"emotion_set", "vad_valence"} <= set(table)
    pandas.testing.assert_frame_equal(table, parquet, check_dtype=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mian", CLIP], r"'mian' is not a trained head .* Did you mean 'main'\?"),
        (["main", "gone.wav"], r"'gone.wav' does not exist"),
        (["main", TABLE, "--text", "x"], "is what is said in one clip"),
        (["main"], "nothing to predict"),
        (["main", CLIP, "--to", "x.doc"], r"--to is 'x.doc'; its extension must be one of"),
        (["main", "runs"], "runs has no media files"),
    ],
)
def test_what_the_user_must_mend_is_one_message(
    project: Path, words: list[str], message: str
) -> None:
    done = run("predict", *words)
    assert re.search(message, str(done.exception)), done.exception


def test_a_stale_run_answers_as_it_was_trained_and_says_so(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    monkeypatch.chdir(copy)
    run("predict", "main", CLIP, "--to", "before.jsonl")
    text = (copy / "params.yaml").read_text()
    (copy / "params.yaml").write_text(text.replace("num_bands: 16", "num_bands: 8"))
    (copy / "params.yaml").write_text(
        (copy / "params.yaml").read_text().replace("dim: 16", "dim: 32", 1)
    )
    done = run("predict", "main", CLIP, "--to", "after.jsonl")
    assert "main: its run is stale (trained with other settings (dim))" in done.output
    assert (copy / "before.jsonl").read_bytes() == (copy / "after.jsonl").read_bytes()
    (copy / "runs/main/weights/seed-0.safetensors").write_bytes(b"x")
    assert "seed-0.safetensors is not as it was written" in str(
        run("predict", "main", CLIP).exception
    )


@pytest.mark.parametrize("recipe", sorted(p.name for p in (ROOT / "recipes").glob("*.yaml")))
def test_every_head_of_every_recipe_comes_back_from_its_record(recipe: str) -> None:
    for head in load_params(ROOT / "recipes" / recipe).heads.values():
        assert restored_head(described(head)) == head
        assert described(restored_head(described(head))) == described(head)


def test_the_most_confident_mistakes_are_listed_with_their_clips(project: Path) -> None:
    done = run("results", "--errors", "main")
    assert done.exit_code == 0, done.exception
    own = own_predictions(project, "main").values()
    tested = {line["id"]: line["emotion"]["truth"] for line in own if line["split"] == "test"}
    title, header, *rows = done.output.splitlines()
    assert header.split() == ["id", "truth", "predicted", "probability", "media", "text"]
    assert f"main, emotion: {len(rows)} mistakes" in title and rows
    shares = []
    for row in rows:
        name, truth, predicted, share, media, *_ = row.split()
        assert tested[name] == truth != predicted and media == f"video/{name}.mp4"
        shares.append(float(share))
    assert shares == sorted(shares, reverse=True)


def test_the_report_says_how_often_sets_hold_the_true_class(project: Path) -> None:
    run("report")
    measured = json.loads((project / "runs/main/evaluation.json").read_text())["coverage"]
    text = " ".join((project / "report.html").read_text().split())
    share = f"the true class for {100 * measured['emotion']['measured']:.1f} % of the test set"
    assert share in text
