"""Files of other tools, written by the libraries of their formats, come in as they are."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arff
import numpy as np
import pandas
import pyarrow as pa
import pytest
import torch

from features.errors import ProjectError
from features.foreign.records import records
from features.untrusted.unpickle import read_pickle
from tests import foreign_files as files
from tests.exchange_world import decoded

MELD = ["neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"]


def tracks_of(path: Path, form: str, field: str = "track") -> dict[str, np.ndarray]:
    content = decoded(path, form)
    tracks = content.tracks(field)
    return {name: tracks.track(row)[0] for row, name in enumerate(content.ids)}


def same(tracks: dict[str, np.ndarray], expected: dict[str, Any]) -> bool:
    return tracks.keys() == expected.keys() and all(
        np.array_equal(tracks[name], np.atleast_2d(np.asarray(values, np.float32)))
        for name, values in expected.items()
    )


def test_hdf5_of_h5py(tmp_path: Path) -> None:
    files.write_mmin(tmp_path / "comparE.h5")
    assert same(tracks_of(tmp_path / "comparE.h5", "hdf5"), files.TRACKS)


def test_computational_sequences(tmp_path: Path) -> None:
    files.write_csd(tmp_path / "COVAREP.csd")
    assert same(tracks_of(tmp_path / "COVAREP.csd", "csd"), files.TRACKS)
    assert decoded(tmp_path / "COVAREP.csd").attributes["rate_hz"] == pytest.approx(10)
    files.write_csd(tmp_path / "aligned.csd", aligned=True)
    assert decoded(tmp_path / "aligned.csd").ids == [f"{name}[0]" for name in files.TRACKS]


@pytest.mark.parametrize("compressed", [False, True])
def test_npz_of_numpy(tmp_path: Path, compressed: bool) -> None:
    save: Callable[..., None] = np.savez_compressed if compressed else np.savez
    save(tmp_path / "a.npz", **files.TRACKS)
    assert same(tracks_of(tmp_path / "a.npz", "npz"), files.TRACKS)


def test_folders_of_numpy(tmp_path: Path) -> None:
    for name, track in files.TRACKS.items():
        np.save(tmp_path / f"{name}.npy", np.asfortranarray(track))
    assert same(tracks_of(tmp_path, "npy-tree"), files.TRACKS)


def test_one_array_with_lengths(tmp_path: Path) -> None:
    folder = tmp_path / "features"
    folder.mkdir()
    np.save(folder / "train.npy", np.concatenate(list(files.TRACKS.values())))
    lengths = [len(track) for track in files.TRACKS.values()]
    (folder / "train.lengths").write_text("\n".join(map(str, lengths)))
    (folder / "train.emo").write_text("".join(f"{name}\thappy\n" for name in files.TRACKS))
    assert same(tracks_of(folder, "npy-lengths"), files.TRACKS)
    assert {label["emotion"] for label in decoded(folder).labels} == {"happy"}
    (folder / "train.lengths").write_text("4\n1\n7\n")
    with pytest.raises(ProjectError, match=r"add up to 12 steps, and train.npy has 11"):
        decoded(folder, "npy-lengths")


def test_parquet_of_pandas_and_pyarrow(tmp_path: Path) -> None:
    flat = {name: track.mean(0) for name, track in files.TRACKS.items()}
    frame = pandas.DataFrame({"id": list(flat), "feats": list(flat.values()), "noise": "x"})
    frame.to_parquet(tmp_path / "flat.parquet")
    assert same(tracks_of(tmp_path / "flat.parquet", "parquet", "feats"), flat)
    assert any("left out: noise" in note for note in decoded(tmp_path / "flat.parquet").notes)
    nested = pa.table(
        {
            "utt_id": list(files.TRACKS),
            "track": pa.array([track.tolist() for track in files.TRACKS.values()]),
            "emotion": ["joy", None, "anger"],
        }
    )
    pa.parquet.write_table(nested, tmp_path / "nested.parquet", compression="zstd")
    assert same(tracks_of(tmp_path / "nested.parquet", "parquet"), files.TRACKS)
    emotions = [label.get("emotion") for label in decoded(tmp_path / "nested.parquet").labels]
    assert emotions == ["joy", None, "anger"]


def test_tables_of_pandas(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"F0": [1.5, 2.0], "jitter": [0.1, -3e-7], "name": ["a", "b"]})
    frame.to_csv(tmp_path / "egemaps.csv", index=False)
    expected = {"a": [1.5, 0.1], "b": [2.0, -3e-7]}
    assert same(tracks_of(tmp_path / "egemaps.csv", "pooled"), expected)


def test_arff_of_its_own_library(tmp_path: Path) -> None:
    document = {
        "relation": "openSMILE features",
        "attributes": [
            ("name", "STRING"), ("F0", "REAL"), ("jitter", "NUMERIC"), ("class", ["a", "b"]),
        ],
        "data": [["it's 1", 1.5, 0.25, "a"], ["two", None, -1, "b"]],
    }  # fmt: skip
    (tmp_path / "x.arff").write_text(arff.dumps(document))
    content = decoded(tmp_path / "x.arff")
    assert content.ids == ["it's 1", "two"]
    assert [label["emotion"] for label in content.labels] == ["a", "b"]
    values = [content.tracks("track").track(row)[0, 0].tolist() for row in range(2)]
    assert values[0] == [1.5, 0.25] and np.isnan(values[1][0]) and values[1][1] == -1


def test_ids_of_arff_are_whole_numbers_and_never_missing(tmp_path: Path) -> None:
    head = "@relation x\n@attribute id NUMERIC\n@attribute F0 NUMERIC\n@data\n"
    (tmp_path / "x.arff").write_text(head + "7,1.5\n12345678,2\n")
    assert decoded(tmp_path / "x.arff").ids == ["7", "12345678"]
    (tmp_path / "y.arff").write_text(head + "7,1.5\n?,2\n")
    with pytest.raises(ProjectError, match="row 2: the id is missing"):
        decoded(tmp_path / "y.arff")


@pytest.mark.parametrize(
    ("made", "layout", "fields"),
    [
        (files.dialogue_rnn_iemocap, "DialogueRNN, IEMOCAP", {"text": 6, "audio": 4, "video": 5}),
        (files.dialogue_rnn_meld, "DialogueRNN, MELD", {"text": 6, "audio": 3}),
        (files.mmgcn_meld, "MMGCN, MELD", {"text": 6, "audio": 3, "video": 7}),
        (files.cosmic_iemocap, "COSMIC, IEMOCAP", dict.fromkeys(("roberta1", "roberta4"), 8)),
        (files.cosmic_meld, "COSMIC, MELD", dict.fromkeys(("roberta1", "roberta3"), 8)),
        (files.graphsmile, "GraphSmile", {"roberta2": 8, "audio": 3, "video": 7}),
    ],
)
def test_dialogues(
    tmp_path: Path, made: Callable[[], Any], layout: str, fields: dict[str, int]
) -> None:
    written = made()
    files.write_pickle(tmp_path / "x.pkl", written)
    content = decoded(tmp_path / "x.pkl")
    assert layout in content.notes[0]
    assert {name: content.fields[name]["dim"] for name in fields} == fields
    dialogues = next(element for element in written if isinstance(element, dict))
    assert len(content.ids) == sum(len(rows) for rows in dialogues.values())
    assert all(isinstance(label["emotion"], int) for label in content.labels)


def test_what_dialogues_say_of_their_utterances(tmp_path: Path) -> None:
    written = files.dialogue_rnn_iemocap()
    files.write_pickle(tmp_path / "x.pkl", written)
    content = decoded(tmp_path / "x.pkl")
    assert content.ids == ["Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses05M_script01_M000"]
    second = content.labels[1]
    assert second == {
        "dialogue": "Ses01F_impro01", "turn": 1, "emotion": 0, "speaker": "Ses01-M",
        "split": "train",
    }  # fmt: skip
    assert content.texts[2] == "words of Ses05M_script01_M000"
    expected = np.float32(written[4]["Ses05M_script01"][0])
    assert np.array_equal(content.tracks("audio").track(2)[0, 0], expected)
    files.write_pickle(tmp_path / "m.pkl", files.cosmic_meld())
    meld = decoded(tmp_path / "m.pkl")
    assert meld.ids[:3] == ["0_0", "0_1", "1_0"]
    assert [label["split"] for label in meld.labels] == ["train", "train", "dev", "test", "test"]
    assert meld.labels[0]["speaker"] == "speaker-1"


def test_bc_lstm(tmp_path: Path) -> None:
    written = files.bc_lstm()
    files.write_pickle(tmp_path / "audio.pickle", written)
    content = decoded(tmp_path / "audio.pickle")
    assert content.ids == [
        "train_0_0",
        "train_0_1",
        "train_0_2",
        "train_1_0",
        "test_0_0",
        "test_0_1",
    ]
    assert [label["sentiment"] for label in content.labels] == [0, 1, 1, 1, 1, 0]
    assert [label["split"] for label in content.labels] == ["train"] * 4 + ["test"] * 2
    tracks = content.tracks("track")
    assert tracks.track(3).tolist() == [[[2.0] * 4]]
    assert np.array_equal(tracks.track(5)[0, 0], np.float32(written[2][0, 1]))
    files.write_pickle(tmp_path / "more.pickle", (*written[:5], [4, 1], [2]))
    with pytest.raises(ProjectError, match="train video 0 states 4 utterances; it must be"):
        decoded(tmp_path / "more.pickle")


def test_mmsa(tmp_path: Path) -> None:
    written = files.mmsa()
    files.write_pickle(tmp_path / "unaligned.pkl", written, 4)
    content = decoded(tmp_path / "unaligned.pkl")
    assert content.ids[3] == "validVideo$_$0"
    assert content.labels[5] == {
        "dialogue": "testVideo", "turn": 1, "sentiment": "neutral", "valence": 3.0, "split": "test",
    }  # fmt: skip
    assert content.texts[0] == "train text 0"
    for field, key, extra in (("text", "text", 2), ("audio", "audio", 1), ("video", "vision", 3)):
        tracks = content.tracks(field)
        assert tracks.lengths == [n + extra for n in (0, 1, 2, 0, 0, 1)]
        assert np.array_equal(tracks.track(2)[0], np.float32(written["train"][key][2, : 2 + extra]))
    assert any("audio: padding removed from 6 tracks" in note for note in content.notes)


def test_padding_is_removed_where_it_is_unambiguous(tmp_path: Path) -> None:
    written = files.mmsa()
    for split in written.values():
        for name in ("text_bert", "audio_lengths", "vision_lengths"):
            del split[name]
    written["train"]["audio"][2] = 0
    written["train"]["audio"][2, 1:3] = 1  # zeros before and after: it may be meant
    files.write_pickle(tmp_path / "x.pkl", written)
    content = decoded(tmp_path / "x.pkl")
    assert content.tracks("audio").lengths == [1, 2, 6, 1, 1, 2]
    assert any("audio: in 1 track it is unclear what is padding" in note for note in content.notes)


def test_pickles_of_arrays_by_id(tmp_path: Path) -> None:
    files.write_pickle(tmp_path / "a.pkl", files.TRACKS)
    assert same(tracks_of(tmp_path / "a.pkl", "pickle"), files.TRACKS)
    by_split = [{"0_0": [1.0, 2.0], "0_1": [0.0, 0.5]}, {"0_0": [3.0, 4.0]}, {"7_1": [5.0, 6.0]}]
    files.write_pickle(tmp_path / "b.pkl", by_split)
    content = decoded(tmp_path / "b.pkl", "pickle")
    assert content.ids == ["train_0_0", "train_0_1", "dev_0_0", "test_7_1"]
    assert [label["split"] for label in content.labels] == ["train", "train", "dev", "test"]


def test_dialogues_that_are_padded_to_the_longest(tmp_path: Path) -> None:
    rows = np.zeros((2, 4, 3))
    rows[0, :3], rows[1, :1] = 1, 2
    files.write_pickle(tmp_path / "text_emotion.pkl", {"5": rows[0], "9": rows[1]})
    content = decoded(tmp_path / "text_emotion.pkl")
    assert content.ids == ["5_0", "5_1", "5_2", "9_0"]
    assert content.labels[2] == {"dialogue": "5", "turn": 2}


def test_pickles_of_python_2(tmp_path: Path) -> None:
    (tmp_path / "a.p").write_bytes(files.python2_pickle({"naïve": [1, -2], "x": [0.5, 4]}))
    assert same(tracks_of(tmp_path / "a.p", "pickle"), {"naïve": [1, -2], "x": [0.5, 4]})
    (tmp_path / "b.p").write_bytes(files.python2_text_pickle())
    assert same(tracks_of(tmp_path / "b.p", "pickle"), {"café": [1.5, -2.0], "b": [0.25, 4]})


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_hold_what_was_put_in(tmp_path: Path, protocol: int) -> None:
    content = {
        "rows": np.arange(6, dtype="f4").reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i2"),
        "mixed": np.array(["a", 2], dtype=object),
        "scalar": np.float64(2.5),
        "flag": np.bool_(True),
        "words": ["é", b"\xe9", b"\xc3\xa9"],
        7: (1, None, {2}, frozenset({3})),
    }
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content, protocol))
    back = read_pickle(tmp_path / "x.pkl")
    for name in ("rows", "columns", "big"):
        assert np.array_equal(back[name], content[name])
    assert back["mixed"] == ["a", 2] and back["scalar"] == 2.5 and back["flag"] is True
    assert back["words"] == ["é", "é", "é"] and back[7] == (1, None, (2,), (3,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64])
def test_tensors_of_torch(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    whole = (torch.randn(6, 4) * 8).to(dtype)
    tensors = {
        "a": whole[1:4],
        "b": whole.t(),
        "c": whole[:, 1],
        "d": torch.zeros(2, 4, dtype=dtype),
    }
    tensors["b"] = tensors["b"][:, :4]
    tensors["c"] = tensors["c"][:4]
    torch.save(tensors, tmp_path / "x.pt")
    loaded = torch.load(tmp_path / "x.pt", weights_only=True)
    expected = {name: tensor.float().numpy() for name, tensor in loaded.items()}
    assert same(tracks_of(tmp_path / "x.pt", "torch"), expected)


def test_numbered_labels_are_named_or_left_out(tmp_path: Path) -> None:
    files.write_pickle(tmp_path / "m.pkl", files.mmgcn_meld())
    content, notes = decoded(tmp_path / "m.pkl"), list[str]()
    unnamed = [label for _, label in records(content, {}, "m.pkl", notes.append)]
    assert {label.emotion for label in unnamed} == {None}
    assert "emotion is numbered, 0 to 6, without names, and is left out" in notes[0]
    named = [label for _, label in records(content, {"emotion": MELD}, "m.pkl", notes.append)]
    assert [label.emotion for label in named] == ["neutral", "anger", "joy", "surprise", "neutral"]
    assert any(note.startswith("emotion as named: neutral 2, surprise 1") for note in notes)
    with pytest.raises(ProjectError, match=r"has 2 names, 'joy', 'neutral', but the numbers are 0"):
        list(records(content, {"emotion": ["neutral", "joy"]}, "m.pkl", notes.append))
    with pytest.raises(ProjectError, match="names sentiment, which the file does not number"):
        list(records(content, {"sentiment": ["a"]}, "m.pkl", notes.append))


def test_an_order_of_names_that_contradicts_the_corpus_is_refused(tmp_path: Path) -> None:
    counts = {"neutral": 1256, "joy": 402, "surprise": 281, "anger": 345}
    counts |= {"sadness": 208, "disgust": 68, "fear": 50}
    numbers = [MELD.index(name) for name, count in counts.items() for _ in range(count)]
    ids = {n: [0] for n in range(len(numbers))}
    rows = {n: [np.ones(2)] for n in ids}
    layout = (
        ids, {n: ["x"] for n in ids}, {n: [number] for n, number in enumerate(numbers)}, rows, rows,
        rows, {n: ["w"] for n in ids}, [], list(ids), 0,
    )  # fmt: skip
    files.write_pickle(tmp_path / "m.pkl", layout)
    content = decoded(tmp_path / "m.pkl")
    assert len(list(records(content, {"emotion": MELD}, "m.pkl", lambda _: None))) == 2610
    alphabetical = sorted(MELD)
    with pytest.raises(
        ProjectError, match="so that 'anger' has 1256 .* MELD's test split it has 345"
    ):
        list(records(content, {"emotion": alphabetical}, "m.pkl", lambda _: None))
