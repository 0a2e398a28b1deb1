"""Ready-made features: tables with ids, one table per utterance, ordered arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extract.backbones import imported
from extract.corpus.read import read_corpus
from extract.fill.fill import extract_tracks
from extract.media.errors import UnreadableError
from extract.media.rows import FeatureRows
from extract.network.compute import CPU
from features.errors import ProjectError
from features.manifest import FeatureFile, Segment, Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify
from tests.reader_world import corpus, made


def prepare(path: Path, fields: dict[str, Any] | None = None, **options: Any) -> np.ndarray:
    """The rows that an imported backbone takes of a file."""
    settings: dict[str, Any] = {"modality": "audio", "features": "mine", "dim": 2, **options}
    backbone = imported.load(CPU, **settings)
    place: dict[str, Any] = {"id": "a", "place": 0, "num_sharing": 1, **(fields or {})}
    example = backbone.prepare(FeatureRows(path=path, digest=str(path.stat()), **place))
    return example.windows[0].values if example.windows else np.zeros((0, 2))


class TestTables:
    def test_openface_rows_are_found_by_a_pattern_in_the_id(self, tmp_path: Path) -> None:
        path = tmp_path / "faces.csv"
        path.write_text("AU01_r;AU02_r;AU01_c;name\n1;2;9;01-x\n3;4;9;01-y\n5;6;9;02-x\n")
        options = {"columns": ["AU*_r"], "id_column": "name", "id_pattern": "0[13]-(.+)"}
        assert prepare(path, {"id": "03-y", "num_sharing": 2}, **options).tolist() == [[3, 4]]

    def test_several_rows_of_an_id_are_its_steps(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        path.write_text("id,x,y\nb,0,0\na,1,2\na,3,4\n")
        assert prepare(path, {"num_sharing": 2}, id_column="id").tolist() == [[1, 2], [3, 4]]
        path.write_text("id,x,y\r\n\r\na,1,2\r\n\r\n")
        assert prepare(path, {"num_sharing": 2}, id_column="id").tolist() == [[1, 2]]

    def test_a_covarep_table_without_a_header_is_all_numbers(self, tmp_path: Path) -> None:
        path = tmp_path / "300_COVAREP.csv"
        path.write_text("1.5,0\n-inf,1\n")
        assert prepare(path)[0].tolist() == [1.5, 0]
        assert prepare(path, replace_non_finite=0.0).tolist() == [[1.5, 0], [0, 1]]

    def test_a_clnf_table_has_blanks_after_its_commas(self, tmp_path: Path) -> None:
        path = tmp_path / "300_CLNF_AUs.txt"
        path.write_text("frame, timestamp, AU01_r, AU02_r\n1, 0.0, 0.5, 1\n2, 0.03, 0.6, 2\n")
        assert prepare(path, columns=["AU*"])[1].tolist() == pytest.approx([0.6, 2])

    def test_the_turns_of_a_session_alone_are_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        np.savetxt(path, np.arange(40).reshape(20, 2), delimiter=",")
        cut = prepare(path, {"stretches": ((0.2, 0.4), (1.5, None))}, rate_hz=10.0)
        assert cut[:, 0].tolist() == [4, 6, 30, 32, 34, 36, 38]

    def test_turns_without_a_rate_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("1,2\n3,4\n")
        with pytest.raises(ProjectError, match="only some stretches of 'a' are read.*set rate_hz"):
            prepare(tmp_path / "t.csv", {"stretches": ((0.2, 0.4),)})

    @pytest.mark.parametrize(
        ("content", "options", "fault"),
        [
            ("id,x,y\na,1,2\n", {}, "line 2: id is 'a'; it must be a number.*'columns'"),
            ("x,y\n1,2\n\n3,?\n", {}, r"line 4: y is '\?'; it must be a number"),
            ("x,y\n1,2\n3\n", {"columns": ["x"], "dim": 1}, "line 3: it must have 2 cells"),
            ("x,y\n1,2\n", {"dim": 3}, "gives 2 numbers per step, but dim is 3"),
            ("x,y\n1,2\n", {"columns": ["z"]}, "has no column 'z'; it has 'x', 'y'"),
            ("idd,x,y\na,1,2\n", {"id_column": "id"}, r"no column 'id'.*Did you mean 'idd'\?"),
            ("", {}, "is empty; it must be a table of numbers"),
            ("x,x\n1,2\n", {}, "has several columns 'x'"),
        ],
    )
    def test_what_is_wrong_with_a_table_is_one_line(
        self, tmp_path: Path, content: str, options: dict[str, Any], fault: str
    ) -> None:
        (tmp_path / "t.csv").write_text(content)
        with pytest.raises(UnreadableError, match=fault) as caught:
            prepare(tmp_path / "t.csv", **options)
        assert caught.value.reason == "undecodable" and "\n" not in caught.value.detail

    def test_a_shared_table_needs_the_column_of_ids(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("x,y\n1,2\n3,4\n")
        with pytest.raises(ProjectError, match="table that 2 utterances share, .*; set id_column"):
            prepare(tmp_path / "t.csv", {"num_sharing": 2})

    def test_a_pattern_needs_one_group(self, tmp_path: Path) -> None:
        with pytest.raises(
            ProjectError, match="id_pattern is 'a'; it must be a regular expression"
        ):
            prepare(tmp_path, id_pattern="a")


class TestArrays:
    def test_an_ordered_array_has_a_row_for_each_utterance(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.arange(6).reshape(3, 2))
        place = {"place": 1, "num_sharing": 3}
        assert prepare(tmp_path / "a.npy", place).tolist() == [[2, 3]]
        with pytest.raises(ProjectError, match="has 3 rows for 4 utterances"):
            prepare(tmp_path / "a.npy", {"num_sharing": 4})
        for row in (-1, 3):
            with pytest.raises(ProjectError, match=f"the manifest says row {row} for 'a'"):
                prepare(tmp_path / "a.npy", {"num_sharing": 3, "place": row})
        np.save(tmp_path / "b.npy", np.zeros((1, 2, 2)))
        with pytest.raises(UnreadableError, match="has 3 dimensions for an utterance"):
            prepare(tmp_path / "b.npy")

    def test_an_array_of_ones_own_is_the_whole_track(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.arange(6).reshape(3, 2))
        assert len(prepare(tmp_path / "a.npy")) == 3

    def test_a_pickle_is_never_opened(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
        with pytest.raises(UnreadableError, match="is not a NumPy array of numbers"):
            prepare(tmp_path / "a.npy")


def stored(spec: CorpusSpec, folder: Path, **options: Any) -> Store:
    """The store of an imported backbone over a corpus."""
    settings = {
        "columns": None, "id_column": None, "id_pattern": None, "rate_hz": None,
        "replace_non_finite": None, **options,
    }  # fmt: skip
    backbone = BackboneSpec("b", "audio", LeafSpec("imported", settings), options["features"])
    path = folder / "s.zarr"
    manifest = read_corpus(spec).utterances
    extract_tracks(
        path, manifest, spec, backbone, ExtractSpec(), torch.device("cpu"), Pool(folder / "pool")
    )
    assert not verify(path)
    return Store(path)


def test_arrays_become_a_store_like_any_other(tmp_path: Path) -> None:
    root, options = made("mosi", tmp_path)
    spec = corpus("mosi", root, **options)
    store = stored(spec, tmp_path, modality="audio", features="opensmile", dim=73)
    rows = {u.id: u.features["opensmile"].row for u in read_corpus(spec).utterances}
    for name, row in rows.items():
        assert store.track(store.rows[name])[0, 0, 0] == row


def test_tables_of_sessions_are_cut_to_the_participants_turns(tmp_path: Path) -> None:
    root, options = made("daic-woz", tmp_path)
    spec = corpus("daic-woz", root, **options)
    store = stored(spec, tmp_path, modality="audio", features="covarep", dim=3, rate_hz=100.0)
    track = store.track(store.rows["302"])
    assert track.shape == (1, 200, 3) and track[0, 0, 0] == 30 and track[0, 100, 0] == 90


def test_a_changed_table_is_read_again_and_nothing_else(tmp_path: Path) -> None:
    root, options = made("daic-woz", tmp_path)
    spec = corpus("daic-woz", root, **options)
    settings: dict[str, Any] = {
        "modality": "audio",
        "features": "covarep",
        "dim": 3,
        "rate_hz": 1.0,
    }
    before = stored(spec, tmp_path, **settings)
    table = root / "302_P/302_COVAREP.csv"
    table.write_text("7,7,7\n7,7,7\n" + table.read_text().split("\n", 2)[2])
    after = stored(spec, tmp_path, **settings)
    assert after.track(after.rows["302"])[0, 0].tolist() == [7, 7, 7]
    assert after.attributes["recipe"] == before.attributes["recipe"]


def test_patterns_of_params_yaml_name_the_files(tmp_path: Path) -> None:
    root, _ = made("ravdess", tmp_path)
    for path in list(root.glob("Actor_*/*.wav")):
        np.save(path.with_suffix(".npy"), np.full((2, 4), int(path.parent.name[-2:])))
    spec = corpus("ravdess", root)
    spec = CorpusSpec(spec.name, root, spec.leaf, {"mine": "Actor_{speaker}/{audio}.npy"})
    first = read_corpus(spec).utterances[0]
    assert first.features["mine"].path == f"Actor_actor-01/{first.id}.npy"
    wrong = CorpusSpec(spec.name, root, spec.leaf, {"mine": "{actor}.npy"})
    with pytest.raises(ProjectError, match="its fields may be 'audio', 'dialogue', 'id'"):
        read_corpus(wrong)


def test_features_are_part_of_what_is_read(tmp_path: Path) -> None:
    before = Utterance("a", features={"mine": FeatureFile("x.csv", "1")})
    after = Utterance("a", features={"mine": FeatureFile("x.csv", "2")})
    assert before.source("mine") != after.source("mine") and before.source("theirs") is None
    turns = Utterance("a", text="hm", segments=(Segment(0, 1, "hm"),))
    assert turns.source("text") != Utterance("a", text="hm").source("text")
