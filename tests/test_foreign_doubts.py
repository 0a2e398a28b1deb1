"""What is doubtful in files of others is decided by what is in them, said, or refused."""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.foreign import flat
from features.foreign.decode import decode_here, state_of
from features.foreign.names import named_labels
from features.manifest import Label
from tests import foreign_files as files
from tests.exchange_world import IDS, Trip, decoded, labels, make_store, trip

ROW = np.ones((2, 3), np.float32)


def written(tmp_path: Path, content: Any) -> Path:
    files.write_pickle(tmp_path / "x.pkl", content, 4)
    return tmp_path / "x.pkl"


def tracks_by_id(path: Path, form: str = "auto", field: str = "track") -> dict[str, list[Any]]:
    content = decoded(path, form)
    tracks = content.tracks(field)
    return {name: tracks.track(row)[0].tolist() for row, name in enumerate(content.ids)}


def test_an_utterance_of_zeros_does_not_move_those_after_it(tmp_path: Path) -> None:
    dialogues = {
        "0": np.array([[0, 0], [1, 1], [2, 2], [0, 0]]),
        "1": np.array([[3, 3], [4, 4], [0, 0], [0, 0]]),
    }
    expected = {"0_0": [[0, 0]], "0_1": [[1, 1]], "0_2": [[2, 2]], "1_0": [[3, 3]], "1_1": [[4, 4]]}
    assert tracks_by_id(written(tmp_path, dialogues)) == expected


@pytest.mark.parametrize("shape", [(1, 3), (4, 3)])
def test_numbers_as_ids_make_no_dialogues(tmp_path: Path, shape: tuple[int, int]) -> None:
    content = decoded(written(tmp_path, {"1": np.ones(shape), "2": np.ones(shape)}))
    assert content.ids == ["1", "2"] and content.tracks("track").lengths == [shape[0]] * 2
    assert content.labels == [{}, {}]


def mmsa_of(**arrays: Any) -> dict[str, Any]:
    count = len(next(iter(arrays.values())))
    return {"train": {"id": [f"v$_${n}" for n in range(count)], **arrays}}


def test_padding_at_the_front_is_removed_there(tmp_path: Path) -> None:
    text = np.array([[[0.0], [0], [7], [8], [9]], [[1], [2], [3], [0], [0]]])
    content = mmsa_of(text=text, text_lengths=[3, 3])
    assert tracks_by_id(written(tmp_path, content), field="text") == {
        "v$_$0": [[7], [8], [9]],
        "v$_$1": [[1], [2], [3]],
    }


def test_steps_that_are_not_zero_are_never_padding(tmp_path: Path) -> None:
    mask = np.zeros((1, 3, 5))
    mask[0, 1, :2] = 1
    content = mmsa_of(audio=np.ones((1, 5, 2)), text=np.ones((1, 5, 2)), text_bert=mask)
    path = written(tmp_path, content)
    assert len(tracks_by_id(path, field="audio")["v$_$0"]) == 5
    assert any("audio: in 1 track it is unclear" in note for note in decoded(path).notes)


def test_fields_of_any_split_come_in(tmp_path: Path) -> None:
    content = mmsa_of(text=np.ones((1, 2, 2)))
    content["valid"] = {"id": ["w$_$0"], "text": np.ones((1, 2, 2)), "audio": np.ones((1, 1, 4))}
    assert decoded(written(tmp_path, content)).tracks("audio").lengths == [0, 1]


@pytest.mark.parametrize("numbers", [["0", "6"], ["0.0", "6.0"], [0.0, 6.0], [0, 6]])
def test_a_class_that_is_a_number_has_no_name(tmp_path: Path, numbers: list[Any]) -> None:
    (tmp_path / "x.csv").write_text(f"id,emotion,f0\na,{numbers[0]},1\nb,{numbers[1]},2\n")
    content = decoded(tmp_path / "x.csv")
    assert [label["emotion"] for label in content.labels] == [0, 6]
    notes: list[str] = []
    assert named_labels(content.labels, {}, "x.csv", notes.append) == [{}, {}]
    assert "numbered, 0 to 6, without names, and is left out" in notes[0]


def test_a_file_that_is_gone_is_a_track_that_is_absent(tmp_path: Path) -> None:
    made = trip(tmp_path, "npy-tree", make_store(tmp_path / "s.zarr"))
    (made.path / f"{IDS[3]}.npy").unlink()
    content = decoded(made.path)
    assert content.reasons[3] == "absent" and content.tracks("track").lengths[3] == 0


@pytest.mark.parametrize("name", ["./a", "a/", "../a", "/a", "a//b"])
def test_an_id_that_is_no_name_of_a_file_is_not_written(tmp_path: Path, name: str) -> None:
    store = make_store(tmp_path / "s.zarr", ids=(name, *IDS[1:]))
    with pytest.raises(ProjectError, match="cannot be the name of a file"):
        trip(tmp_path, "npy-tree", store)


@pytest.mark.parametrize("name", ["labels.csv", "train.emo", "train.lengths", "train.npy", "b.npy"])
def test_a_link_out_of_a_folder_is_never_followed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "features"
    folder.mkdir()
    np.save(folder / "a.npy", ROW)
    if name.startswith("train"):
        (folder / "a.npy").rename(folder / "train.npy")
        (folder / "train.lengths").write_text("2\n")
    (tmp_path / "secret").write_bytes(b"id,text\na,TOP SECRET\n")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(ProjectError, match="is a link that leads out"):
        decoded(folder)


def test_a_pipe_is_no_list_of_lengths(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.lengths")
    np.save(tmp_path / "a.npy", ROW)
    with pytest.raises(ProjectError, match="has no known format"):
        decoded(tmp_path)


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path: Path) -> None:
    path = written(tmp_path, {"a": ROW})
    state = state_of(path)
    written(tmp_path, {"a": ROW, "b": ROW})
    with pytest.raises(ProjectError, match="x.pkl was changed while it was read"):
        decode_here(path, "pickle", tmp_path / "out", state)
    assert not (tmp_path / "out").exists()
    decode_here(path, "pickle", tmp_path / "out", state_of(path))


def test_fields_that_widen_one_after_another_are_read_again(tmp_path: Path) -> None:
    halves = {"text": np.ones((1, 2, 2), "f2"), "audio": np.ones((1, 2, 2), "f2")}
    content = mmsa_of(**halves)
    content["valid"] = {"id": ["w"], "text": np.ones((1, 2, 2), "f4"), "audio": np.zeros((1, 2, 2))}
    content["test"] = {"id": ["x"], "text": np.ones((1, 2, 2)), "audio": np.ones((1, 2, 2))}
    back = decoded(written(tmp_path, content))
    assert {field: facts["dtype"] for field, facts in back.fields.items()} == {
        "text": "float32", "audio": "float32",
    }  # fmt: skip
    assert back.tracks("audio").lengths == [2, 0, 2]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("classification_labels", np.array([np.nan]), None),
        ("regression_labels", [None], None),
        ("regression_labels", ["a"], "valence is 'a'"),
        ("id", np.array(3), "is not understood|no known format|must be"),
        ("raw_text", ["\ud83d"], "is not understood"),
        ("text_lengths", [[]], "is not understood"),
        (7, [1], None),
    ],
)
def test_strange_content_is_left_out_or_refused_by_the_file(
    tmp_path: Path, key: Any, value: Any, message: str | None
) -> None:
    content = mmsa_of(text=np.ones((1, 2, 2)))
    content["train"][key] = value
    path = written(tmp_path, content)
    if message is None:
        assert len(decoded(path).ids) == 1
        return
    with pytest.raises(ProjectError, match=message) as caught:
        decoded(path, "mmsa")
    assert "x.pkl" in str(caught.value)


def test_no_causes_are_not_unknown_causes(tmp_path: Path) -> None:
    for form in ("hdf5", "npz", "npy-tree", "parquet", "pooled", "arff"):
        folder = tmp_path / form
        folder.mkdir()
        made = with_labels(folder, form, causes=())
        assert [label.get("causes") for label in made.back.labels] == [[]] * len(IDS)


def with_labels(folder: Path, form: str, **changes: Any) -> Trip:
    from dataclasses import replace

    from features.foreign.outgoing import Outgoing
    from features.foreign.recognise import format_leaf

    own: list[Label] = [replace(label, **changes) for label in labels()]
    outgoing = Outgoing("c/net", {"track": make_store(folder / "s.zarr")}, own)
    path = folder / f"out{format_leaf(form).SUFFIXES[0]}"
    format_leaf(form).write(outgoing, path)
    return Trip(outgoing, decoded(path, form), path)


@pytest.mark.parametrize("label", ["joy\tful", "very happy", "a\nb"])
def test_a_label_with_a_blank_does_not_go_beside_an_id(tmp_path: Path, label: str) -> None:
    with pytest.raises(ProjectError, match="has a blank or a tab"):
        with_labels(tmp_path, "npy-lengths", emotion=label)


@pytest.mark.parametrize("form", ["npy-lengths", "npy-tree", "pooled", "arff"])
@pytest.mark.parametrize("name", [" a", "a ", "a\u2028b"])
def test_an_id_that_a_text_file_would_change_is_not_written(
    tmp_path: Path, form: str, name: str
) -> None:
    store = make_store(tmp_path / "s.zarr", ids=(name, *IDS[1:]))
    with pytest.raises(ProjectError, match="begins or ends with a blank, or has a line break"):
        trip(tmp_path, form, store)


def test_sequences_keep_their_times_and_invent_none(tmp_path: Path) -> None:
    back = trip(tmp_path, "csd", make_store(tmp_path / "s.zarr", first_step_s=0.0325)).back
    assert back.attributes_of("track")["rate_hz"] == pytest.approx(25)
    assert back.attributes_of("track")["first_step_s"] == pytest.approx(0.0325)
    text = tmp_path / "text"
    text.mkdir()
    assert "rate_hz" not in trip(text, "csd", make_store(text / "s.zarr", "text")).back.attributes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"dev": {"a": ROW}, "valid": {"b": ROW}}, "'dev', 'valid', two of which are the same"),
        ({"a": ROW, b"a": ROW}, "as text and as bytes of the same letters"),
    ],
)
def test_content_that_would_be_lost_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        decoded(written(tmp_path, content), "pickle")


def test_a_dialogue_is_in_one_split(tmp_path: Path) -> None:
    layout = list(files.dialogue_rnn_meld())
    layout[6], layout[7] = ["0", "1"], ["2"]  # as text, where the keys are numbers
    splits = [label["split"] for label in decoded(written(tmp_path, tuple(layout))).labels]
    assert splits == ["train"] * 3 + ["test"] * 2
    layout[7] = [1, 2]
    with pytest.raises(ProjectError, match="dialogue '1' is in train and in test"):
        decoded(written(tmp_path, tuple(layout)), "dialogues")


def test_tables_name_their_columns_once_and_may_have_gaps(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("ID,f,g\na,,1\nb,2,3\n")
    with pytest.raises(ProjectError, match="f is ''; it must be a number"):
        decoded(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("id,f,f\na,1,2\n")
    with pytest.raises(ProjectError, match="several columns 'f'"):
        decoded(tmp_path / "x.csv")


def test_big_endian_tensors_are_not_read_as_little_endian(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pt")
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.pt") as good, zipfile.ZipFile(tmp_path / "y.pt", "w") as bad:
        for info in good.infolist():
            content = b"big" if info.filename.endswith("byteorder") else good.read(info)
            bad.writestr(info.filename, content)
    with pytest.raises(ProjectError, match="written on a big-endian machine"):
        decoded(tmp_path / "y.pt")


def test_lengths_beside_tracks_are_no_track(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["b"], file["lengths"] = ROW, ROW, np.array([2, 2, 2])
    content = decoded(tmp_path / "x.h5")
    assert content.ids == ["a", "b"] and any("1 dataset" in note for note in content.notes)


def test_counts_of_a_corpus_are_said_where_its_names_are_others() -> None:
    sentiments = {"neutral": 6436, "negative": 4184, "positive": 3088}
    numbers = [
        {"sentiment": n} for n, count in enumerate(sentiments.values()) for _ in range(count)
    ]
    notes: list[str] = []
    named_labels(numbers, {"sentiment": ["neu", "neg", "pos"]}, "x", notes.append)
    assert "has the counts of MELD's sentiment, whose order is neutral, negative, pos" in notes[0]
    with pytest.raises(
        ProjectError, match="so that 'positive' has 4184 utterances; in .* it has 3088"
    ):
        named_labels(numbers, {"sentiment": ["neutral", "positive", "negative"]}, "x", notes.append)


def test_a_file_that_unpacks_to_much_more_than_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in "abcd":
            file.create_dataset(name, data=np.zeros((400, 400), "f4"), compression="gzip")
    assert len(decoded(tmp_path / "x.h5").ids) == 4
    monkeypatch.setattr(flat, "MAX_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(ProjectError, match="unpacks to more than 2 MB, which is too much for its"):
        decoded(tmp_path / "x.h5")


@pytest.mark.parametrize("emotion", ["?", "{joy}", "a}b"])
def test_a_word_that_arff_would_change_is_not_written(tmp_path: Path, emotion: str) -> None:
    with pytest.raises(ProjectError, match="has a special meaning in arff"):
        with_labels(tmp_path, "arff", emotion=emotion)
