"""Tables of features with a clock: rows by time, one face, lost frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extract.backbones import imported
from extract.corpus.read import read_corpus
from extract.fill.fill import extract_tracks
from extract.media.clock import Clock
from extract.media.errors import UnreadableError
from extract.media.rows import FeatureRows
from extract.network.backbone import Example
from extract.network.compute import CPU
from features.errors import ProjectError
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from tests.corpus_layouts import write_rows

HEADER = "frame, face_id, timestamp, confidence, success, AU12_r"


def rows(*lines: tuple[Any, ...]) -> str:
    return "\n".join([HEADER, *(", ".join(map(str, line)) for line in lines)]) + "\n"


def frames(num: int, rate_hz: float, face: int = 0, lost: Any = (), base: float = 0.0) -> list[Any]:
    """A row for each frame; its feature is `base` and the frame's number."""
    return [
        (n + 1, face, round(n / rate_hz, 3), 0.9, int(n not in lost), base + n * (n not in lost))
        for n in range(num)
    ]


def prepared(
    folder: Path, content: str, *stretches: Any, num_sharing: int = 1, **options: Any
) -> Example:
    path = folder / "t.csv"
    path.write_text(content)
    settings: dict[str, Any] = {"modality": "video", "features": "of", "dim": 1}
    backbone = imported.load(CPU, **{**settings, "columns": ["AU*_r"], **options})
    return backbone.prepare(
        FeatureRows(path, content + str(options), "u", 0, num_sharing, tuple(stretches))
    )


def steps(*arguments: Any, **options: Any) -> list[float]:
    example = prepared(*arguments, **options)
    return [float(v) for w in example.windows for v in w.values[:, 0]]


class TestTime:
    def test_rows_are_cut_by_their_time_and_not_by_their_place(self, tmp_path: Path) -> None:
        table = rows(*frames(40, 10.0)[7:])
        assert steps(tmp_path, table, (1.2, 1.6), (3.7, None)) == [12, 13, 14, 15, 37, 38, 39]
        assert steps(tmp_path, table, (1.2, 1.6), rate_hz=10.0) == [12, 13, 14, 15]

    def test_a_stated_rate_keeps_steps_in_time_in_a_table_of_another_rate(
        self, tmp_path: Path
    ) -> None:
        table = rows(*frames(30, 30.0))
        assert steps(tmp_path, table, (0.2, 0.6), rate_hz=10.0) == [6, 9, 12, 15]
        table = rows(*frames(10, 10.0))
        assert steps(tmp_path, table, (0.2, 0.4), rate_hz=30.0) == [2, 2, 3, 3, 3, 4]

    def test_a_table_whose_rate_is_the_stated_one_is_cut_as_before(self, tmp_path: Path) -> None:
        table = rows(*frames(300, 30.0))
        for start, end in ((0.0, 1.0), (1.53, 4.21), (0.317, 7.776), (5.5, 12.0)):
            expected = list(range(round(start * 30), min(300, round(end * 30))))
            assert steps(tmp_path, table, (start, end), rate_hz=30.0) == expected
        assert steps(tmp_path, table, rate_hz=30.0) == list(range(300))

    def test_opensmile_says_the_time_of_frames(self, tmp_path: Path) -> None:
        lines = [f"'u';{n / 100};{n}" for n in range(30)]
        table = "\n".join(["name;frameTime;F0", *lines])
        assert steps(tmp_path, table, (0.1, 0.13), columns=["F0"]) == [10, 11, 12]
        lines = [
            f"u.wav,0 days 00:00:0{n / 4:.2f},0 days 00:00:0{n / 4 + 1:.2f},{n}" for n in range(9)
        ]
        table = "\n".join(["file,start,end,F0", *lines])
        assert steps(tmp_path, table, (1.0, 1.6), columns=["F0"]) == [4, 5, 6]

    def test_utterances_may_share_a_table_that_is_cut_by_time(self, tmp_path: Path) -> None:
        table = rows(*frames(20, 10.0))
        assert steps(tmp_path, table, (0.5, 0.7), num_sharing=3) == [5, 6]
        with pytest.raises(ProjectError, match="set id_column"):
            prepared(tmp_path, "AU12_r\n1\n2\n", (0.5, 0.7), num_sharing=3)

    @pytest.mark.parametrize("time", ["3e11", "-7e300", "1e308"])
    def test_a_time_that_cannot_be_costs_the_utterance(self, tmp_path: Path, time: str) -> None:
        table = rows(*frames(3, 10.0), (4, 0, time, 1, 1, 2))
        with pytest.raises(
            UnreadableError, match="more than 10000000 steps at 10 per second|no time"
        ):
            prepared(tmp_path, table, rate_hz=10.0)

    def test_a_time_that_is_none_costs_the_utterance(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableError, match="a row has no time; the column"):
            prepared(tmp_path, rows((1, 0, "nan", 1, 1, 2)))


class TestFaces:
    def test_the_face_that_is_seen_most_in_the_stretch_is_taken_alone(self, tmp_path: Path) -> None:
        first = frames(20, 10.0, face=0)
        second = frames(30, 10.0, face=1, base=100.0)
        mixed = sorted([*first, *second], key=lambda row: row[0])
        assert steps(tmp_path, rows(*mixed), (0.0, 3.0)) == [100.0 + n for n in range(30)]
        assert steps(tmp_path, rows(*mixed), (0.3, 0.6)) == [3, 4, 5]  # as often: the lower number
        lost = frames(30, 10.0, face=1, base=100.0, lost=range(12, 30))
        assert steps(tmp_path, rows(*first, *lost), (0.0, 3.0), rate_hz=10.0)[:20] == list(
            range(20)
        )

    def test_of_faces_seen_as_often_the_surer_one_is_taken(self, tmp_path: Path) -> None:
        unsure = [(*row[:3], 0.6, *row[4:]) for row in frames(5, 10.0)]
        table = rows(*unsure, *frames(5, 10.0, face=3, base=50.0))
        assert steps(tmp_path, table) == [50, 51, 52, 53, 54]

    def test_faces_of_a_shared_table_are_chosen_by_utterance(self, tmp_path: Path) -> None:
        lines = [("u", 0, 0.0, 1, 1), ("u", 1, 0.0, 1, 2), ("u", 1, 0.1, 1, 3), ("v", 0, 0.0, 1, 4)]
        table = "\n".join(
            ["id,face_id,timestamp,success,AU12_r", *(",".join(map(str, x)) for x in lines)]
        )
        assert steps(tmp_path, table, id_column="id", num_sharing=2) == [2, 3]


class TestLostFrames:
    def test_without_a_rate_they_are_left_out_and_counted(self, tmp_path: Path) -> None:
        example = prepared(tmp_path, rows(*frames(8, 10.0, lost=(2, 3, 6))), (0.1, 0.7))
        assert example.windows[0].values[:, 0].tolist() == [1, 4, 5]
        assert example.facts == {"num_lost_rows": 3}

    def test_at_a_rate_the_nearest_row_of_the_stretch_takes_their_place(
        self, tmp_path: Path
    ) -> None:
        table = rows(*frames(8, 10.0, lost=(2, 3, 4, 6)))
        example = prepared(tmp_path, table, (0.1, 0.7), rate_hz=10.0)
        assert example.windows[0].values[:, 0].tolist() == [1, 1, 1, 5, 5, 5]
        assert example.facts == {"num_lost_rows": 4}

    @pytest.mark.parametrize("rate_hz", [None, 10.0])
    def test_a_stretch_without_a_face_has_no_track(
        self, tmp_path: Path, rate_hz: float | None
    ) -> None:
        table = rows(*frames(30, 10.0, lost=range(10, 20)))
        assert prepared(tmp_path, table, (1.1, 1.8), rate_hz=rate_hz).windows == ()

    def test_rows_without_times_may_be_lost_too(self, tmp_path: Path) -> None:
        table = "success,AU12_r\n1,5\n0,0\n1,7\n"
        assert steps(tmp_path, table) == [5, 7]
        assert steps(tmp_path, table, (0.1, 0.3), rate_hz=10.0) == [7, 7]
        with pytest.raises(ProjectError, match="does not state times; set rate_hz"):
            prepared(tmp_path, table, (0.1, 0.3))


def test_columns_of_the_clock_are_no_features(tmp_path: Path) -> None:
    assert steps(tmp_path, rows(*frames(3, 10.0)), columns=None) == [0, 1, 2]
    with pytest.raises(UnreadableError, match="gives 1 numbers per step, but dim is 6"):
        prepared(tmp_path, rows(*frames(3, 10.0)), columns=None, dim=6)


def test_only_tables_with_named_columns_have_another_version() -> None:
    common: dict[str, Any] = {"modality": "video", "features": "of", "dim": 1}
    assert imported.load(CPU, **common).version == 1
    assert imported.load(CPU, columns=["AU*_r"], **common).version == 2


def test_the_nearest_of_two_rows_is_the_earlier() -> None:
    clock = Clock(np.ones(2, bool), np.array([0.0, 0.2]))
    assert clock.steps([(0.0, None)], 10.0)[0].tolist() == [0, 0, 1]


class TestStores:
    def extract(self, folder: Path, max_failed: int) -> Store:
        """Four utterances: a good table, a broken one, one without the column, one that is gone."""
        root = folder / "corpus"
        names = ("good", "broken", "other", "gone")
        write_rows(root / "clips.csv", [("id", "text"), *((name, "hm") for name in names)])
        (root / "good.csv").write_text(rows(*frames(4, 10.0)))
        (root / "broken.csv").write_text(rows(*frames(4, 10.0)).replace("0.9", "0,9", 1))
        (root / "other.csv").write_text("AU01\n1\n")
        corpus = CorpusSpec(
            "mine", root, LeafSpec("table", {"file": "clips.csv"}), {"of": "{id}.csv"}
        )
        settings = {
            "columns": ["AU12_r"], "id_column": None, "id_pattern": None, "rate_hz": None,
            "replace_non_finite": None, "modality": "video", "features": "of", "dim": 1,
        }  # fmt: skip
        backbone = BackboneSpec("b", "video", LeafSpec("imported", settings), "of")
        manifest = read_corpus(corpus).utterances
        spec, pool = ExtractSpec(max_failed=max_failed), Pool(folder / "pool")
        path = folder / "s.zarr"
        extract_tracks(path, manifest, corpus, backbone, spec, torch.device("cpu"), pool)
        return Store(path)

    def test_a_bad_file_costs_its_utterance_and_names_file_and_fault(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store = self.extract(tmp_path, max_failed=3)
        assert store.lengths.tolist() == [4, 0, 0, 0]
        said = capsys.readouterr().err
        assert "broken.csv, line 2: it must have 6 cells" in said
        assert "other.csv has no column 'AU12_r'; it has 'AU01'" in said

    def test_more_bad_files_than_are_allowed_stop_the_extraction(self, tmp_path: Path) -> None:
        with pytest.raises(
            ProjectError, match=r"3 utterances .* only 2 may fail: broken .undecodable"
        ):
            self.extract(tmp_path, max_failed=2)
