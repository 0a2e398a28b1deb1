"""What `explore` says of an utterance is what the head did with its stored tracks."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="Starlette comes with FastAPI, in requirements-extra.txt")
from starlette.testclient import TestClient

from app.explore.corpus import Corpus, opened
from app.explore.details import details, swapped
from app.explore.export import export
from app.explore.heads import ExploredHead
from app.explore.server import Explorer
from app.explore.steps import in_time, on_words
from features.errors import ProjectError
from features.files import digest_file
from features.store.reader import Store
from tests.explore_world import (
    FRAME_RATE_HZ,
    HEADS,
    HOSTILE,
    RATE_HZ,
    ROOT,
    WORDS,
    make_project,
    planted_frame,
    planted_step,
    planted_word,
)
from tests.predict_world import run

pytestmark = pytest.mark.slow
DEV, TEST = 150, 182  # utterances of the dev and the test set


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_project()
        with opened("planted") as corpus:
            yield corpus


@pytest.fixture(scope="module")
def client(planted: Corpus) -> Iterator[TestClient]:
    application = Explorer(planted).application(["127.0.0.1", "localhost"])
    with TestClient(application, "http://127.0.0.1:8600") as client:
        yield client


def head_of(corpus: Corpus, name: str) -> ExploredHead:
    return next(head for head in corpus.heads if head.name == name)


def shown(corpus: Corpus, row: int, head: str) -> dict[str, Any]:
    """What is shown of a head for an utterance."""
    own: dict[str, Any] = next(h for h in details(corpus, row)["heads"] if h["name"] == head)
    return own


class TestHeads:
    def test_every_head_of_the_corpus_is_there_the_main_one_first(self, planted: Corpus) -> None:
        names = [head.name for head in planted.heads]
        assert names[0] == "main" and sorted(names) == sorted(HEADS) and planted.unusable == []

    @pytest.mark.parametrize("name", HEADS)
    @pytest.mark.parametrize("row", [DEV, TEST, 191])
    def test_restored_heads_predict_what_the_run_has_stored(
        self, planted: Corpus, name: str, row: int
    ) -> None:
        head, utterance = head_of(planted, name), planted.utterances[row]
        tracked = head.tracked(utterance.id)
        again = tracked.heads.predict(tracked.dataset)
        stored = head.predicted(utterance.id)
        assert stored is not None
        for measure, values in stored.items():
            assert np.allclose(again[measure][:, tracked.rows[utterance.id]], values, atol=1e-5)

    def test_a_head_predicts_nothing_of_its_training_split(self, planted: Corpus) -> None:
        assert shown(planted, 3, "main") == {"name": "main"}
        assert planted.table()["heads"][0]["splits"][3] is None

    def test_an_utterance_is_shown_as_the_head_predicted_it_that_tested_it(
        self, planted: Corpus
    ) -> None:
        linear = head_of(planted, "linear")  # of three folds, with each speaker tested in one
        places = [linear.places[utterance.id] for utterance in planted.utterances]
        assert {place.split for place in places} == {"test"}
        assert len({place.fold for place in places}) == 3

    def test_a_stale_run_is_named_and_not_shown(self, planted: Corpus) -> None:
        params = Path("params.yaml")
        before = params.read_text()
        params.write_text(before.replace("epochs: 12", "epochs: 13"))
        try:
            with opened(None) as corpus:
                assert "main" not in [head.name for head in corpus.heads]
                assert any("runs/main: stale" in line for line in corpus.unusable)
        finally:
            params.write_text(before)

    def test_a_head_that_cannot_be_restored_hides_no_other(
        self, planted: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def damaged(*_: Any) -> None:
            raise ProjectError("runs/audio: damaged")

        monkeypatch.setattr(head_of(planted, "audio"), "step_weights", damaged)
        own = shown(planted, TEST, "audio")
        assert own["reason"] == "runs/audio: damaged" and own["steps"] == {} == own["shares"]
        assert np.shape(own["predicted"]["emotion"]) == (2, 2)
        assert shown(planted, TEST, "text")["steps"]

    def test_a_head_that_was_trained_again_is_not_shown_beside_what_it_predicted_before(
        self, planted: Corpus
    ) -> None:
        own = ExploredHead(head_of(planted, "video").run, planted.labels, {})
        own.run.record["seal"], before = "another", own.run.record["seal"]
        try:
            with pytest.raises(ProjectError, match=r"video was trained again.*start it again"):
                own.step_weights("u182")
        finally:
            own.run.record["seal"] = before


class TestAttention:
    @pytest.mark.parametrize("row", range(TEST, TEST + 8))
    def test_it_is_drawn_on_the_planted_word_moment_and_frame(
        self, planted: Corpus, row: int
    ) -> None:
        text = shown(planted, row, "text")["steps"]["text"]
        most = np.mean(text["weights"], axis=0).argmax()
        start, end = text["words"][most]
        assert details(planted, row)["text"][start:end] == WORDS[planted_word(row)]
        audio = shown(planted, row, "audio")["steps"]["audio"]
        at_s = audio["start_s"] + np.mean(audio["weights"], axis=0).argmax() * audio["step_s"]
        assert audio["exact"] and at_s == pytest.approx(planted_step(row) / RATE_HZ, abs=1e-6)
        video = shown(planted, row, "video")["steps"]["video"]
        at_s = video["start_s"] + np.mean(video["weights"], axis=0).argmax() * video["step_s"]
        assert at_s == pytest.approx(planted_frame(row) / FRAME_RATE_HZ, abs=1e-6)

    def test_a_probe_attends_to_nothing(self, planted: Corpus) -> None:
        assert shown(planted, TEST, "linear")["steps"] == {}

    def test_a_token_of_several_words_is_shared_by_letters_and_one_of_none_is_kept(self) -> None:
        weights = np.array([[0.5, 0.3, 0.2]])
        spans = np.array([[0, 0], [0, 7], [8, 10]])
        drawn = on_words("ab cdef gh", spans, weights)
        assert drawn["words"] == [(0, 2), (3, 7), (8, 10)]
        assert drawn["weights"][0] == pytest.approx([0.1, 0.2, 0.2])
        assert drawn["elsewhere"] == [0.5]

    def test_steps_without_times_are_spread_and_said_to_be(self, planted: Corpus) -> None:
        drawn = in_time(planted.stores["words"], 0, 3.0, np.full((1, 6), 1 / 6))
        assert (drawn["exact"], drawn["start_s"], drawn["step_s"]) == (False, 0.0, 0.5)

    def test_more_steps_than_can_be_drawn_are_summed_up(self, planted: Corpus) -> None:
        weights = np.arange(3200.0)[None]
        drawn = in_time(planted.stores["sound"], 0, None, weights)
        assert drawn["step_s"] == pytest.approx(3 / RATE_HZ) and len(drawn["weights"][0]) == 1067
        assert drawn["weights"][0][:2] == [3, 12] and sum(drawn["weights"][0]) == weights.sum()


class TestShares:
    @pytest.mark.parametrize("row", range(TEST, TEST + 6))
    def test_they_add_up_and_name_the_planted_modality(self, planted: Corpus, row: int) -> None:
        shares = shown(planted, row, "feeling")["shares"]
        for own in shares.values():
            assert own["base"] + sum(own["shares"].values()) == pytest.approx(
                own["value"], abs=1e-5
            )
        sentiment = shares["sentiment"]
        assert max(sentiment["shares"], key=sentiment["shares"].get) == "text"
        assert sentiment["base"] == 0.5 and shares["valence"]["label"] is None

    def test_the_value_is_the_probability_that_was_predicted(self, planted: Corpus) -> None:
        own = shown(planted, TEST, "main")
        mean = np.mean(own["predicted"]["emotion"], axis=0)
        assert own["shares"]["emotion"]["value"] == pytest.approx(mean.max(), abs=1e-5)

    def test_a_head_of_one_modality_has_none(self, planted: Corpus) -> None:
        assert shown(planted, TEST, "audio")["shares"] == {}

    def test_swapped_words_take_the_decision_with_them(self, planted: Corpus) -> None:
        one, other = TEST, TEST + 2  # of the other sentiment
        assert planted.labels[one].sentiment != planted.labels[other].sentiment
        own = swapped(planted, one, other, "feeling")["sentiment"]
        assert own["base"] < 0.5 < own["value"]
        assert own["base"] + sum(own["shares"].values()) == pytest.approx(own["value"], abs=1e-5)
        assert own["shares"]["text"] > abs(own["shares"]["audio"]) + abs(own["shares"]["video"])
        # With everything of the other one it says what it says of the other one.
        head = head_of(planted, "feeling")
        classes = head.measures[0].classes
        predicted = head.predicted(planted.utterances[other].id)
        assert classes is not None and predicted is not None
        of_other = predicted["sentiment"].mean(axis=0)[classes.index(own["label"])]
        assert own["base"] == pytest.approx(of_other, abs=1e-5)

    def test_a_modality_that_the_other_one_lacks_is_missing(self, planted: Corpus) -> None:
        other = planted.utterances[191]  # it has no frames
        own = swapped(planted, TEST, 191, "main")["emotion"]
        predicted = head_of(planted, "main").predicted(other.id)
        assert predicted is not None
        of_other = predicted["emotion"].mean(axis=0)[["anger", "joy"].index(own["label"])]
        assert own["base"] == pytest.approx(of_other, abs=1e-5)

    @pytest.mark.parametrize("name", ["dialogue", "linear"])
    def test_heads_of_other_kinds_can_be_asked_too(self, planted: Corpus, name: str) -> None:
        own = swapped(planted, TEST, TEST + 3, name)["emotion"]
        assert own["base"] + sum(own["shares"].values()) == pytest.approx(own["value"], abs=1e-5)

    def test_utterances_of_other_sets_are_refused(self, planted: Corpus) -> None:
        with pytest.raises(ProjectError, match=r"'u150' is not in the test set and fold of 'u182'"):
            swapped(planted, TEST, DEV, "main")
        with pytest.raises(ProjectError, match="main did not predict 'u003'"):
            swapped(planted, 3, TEST, "main")
        with pytest.raises(ProjectError, match="no head 'nobody'"):
            swapped(planted, TEST, TEST + 1, "nobody")


class TestClips:
    def test_a_clip_is_the_sound_that_heads_read(self, client: TestClient) -> None:
        answer = client.get(f"/media/{TEST}.flac")
        assert answer.headers["content-type"] == "audio/flac"
        Path("clip.flac").write_bytes(answer.content)
        samples, rate_hz = soundfile.read("clip.flac")
        original, _ = soundfile.read(ROOT / f"u{TEST}.wav")
        assert rate_hz == 8000 and np.abs(samples - original).max() < 1 / 2**14

    def test_the_waveform_peaks_at_the_burst(self, planted: Corpus) -> None:
        peaks = np.array(details(planted, TEST)["audio"]["peaks"])
        assert peaks.argmax() / len(peaks) == pytest.approx(planted_step(TEST) / RATE_HZ, abs=0.02)

    def test_a_missing_file_is_said_to_be_missing(
        self, planted: Corpus, client: TestClient
    ) -> None:
        assert "missing" in details(planted, 181)["audio"]["reason"]
        answer = client.get("/media/181.flac")
        assert answer.status_code == 404 and answer.json()["reason"] == "no-sound"

    def test_a_file_that_has_changed_since_the_manifest_is_not_played(
        self, planted: Corpus
    ) -> None:
        file = ROOT / "u185.wav"
        before = file.read_bytes()
        file.write_bytes(before[:-2] + b"\1\1")
        assert digest_file(file) != planted.utterances[185].audio_digest
        try:
            assert "has changed since the manifest" in details(planted, 185)["audio"]["reason"]
        finally:
            file.write_bytes(before)


class TestVideos:
    def test_a_video_is_served_in_parts(self, planted: Corpus, client: TestClient) -> None:
        video = details(planted, 183)["video"]
        assert video == {"source": "media/183.mp4", "start_s": 1.5, "end_s": 2.5}
        answer = client.get("/media/183.mp4", headers={"range": "bytes=256-259"})
        assert (answer.status_code, answer.content) == (206, bytes(range(4)))
        assert answer.headers["content-type"] == "video/mp4"
        assert client.get("/media/183.webm").status_code == 404

    def test_what_browsers_do_not_play_is_said(self, planted: Corpus, client: TestClient) -> None:
        assert details(planted, 184)["video"] == {"reason": "browsers do not play .avi"}
        assert client.get("/media/184.avi").status_code == 404
        assert details(planted, TEST)["video"] is None

    @pytest.mark.parametrize("change", ["changed", "link"])
    def test_a_file_that_is_not_the_manifest_s_is_not_served(
        self, planted: Corpus, client: TestClient, change: str
    ) -> None:
        file = ROOT / "film.MP4"
        before = file.read_bytes()
        file.unlink()
        if change == "link":
            file.symlink_to("/etc/hostname")
        else:
            file.write_bytes(before + b"more")
        try:
            assert "reason" in details(planted, 183)["video"]
            assert client.get("/media/183.mp4").status_code in (404, 422)
        finally:
            file.unlink()
            file.write_bytes(before)


class TestServer:
    @pytest.mark.parametrize(
        "path",
        ["/../params.yaml", "/%2e%2e/params.yaml", "/..%2fparams.yaml", "/params.yaml",
         "/data/../params.yaml", "/media/../../params.yaml", "/media/182.wav", "/media/182.mp4",
         "/media/..%2f..%2fparams.yaml", "/media/182.flac/../../params.yaml", "//etc/passwd",
         "/page_files.py", "/data/utterances/-1.json", "/data/utterances/192.json",
         "/data/utterances/182", "/runs/main/run.json", "/data/raw/planted/u001.wav"],
    )  # fmt: skip
    def test_nothing_but_rows_of_the_corpus_is_served(self, client: TestClient, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 404 and b"backbones" not in answer.content

    @pytest.mark.parametrize(
        ("headers", "reason"),
        [({"host": "evil.example"}, "other-host"),
         ({"host": "127.0.0.1.evil.example:8600"}, "other-host"),
         ({"host": ""}, "other-host"), ({"origin": "http://evil.example"}, "other-origin"),
         ({"origin": "null"}, "other-origin")],
    )  # fmt: skip
    def test_other_hosts_and_origins_are_refused(
        self, client: TestClient, headers: dict[str, str], reason: str
    ) -> None:
        for path in ("/", "/data/corpus.json", f"/media/{TEST}.flac"):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 403 and answer.json()["reason"] == reason

    def test_the_page_may_load_from_here_alone(self, client: TestClient) -> None:
        answer = client.get("/", headers={"host": "localhost:8600"})
        assert "default-src 'none'" in answer.text and "://" not in answer.text
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"

    def test_it_changes_nothing(self, client: TestClient) -> None:
        for method in ("post", "put", "delete"):
            assert getattr(client, method)("/data/corpus.json").status_code == 405

    def test_refusals_are_said(self, client: TestClient) -> None:
        answer = client.get(f"/data/swapped/main/{TEST}/{DEV}.json")
        assert answer.status_code == 422 and "of that set" in answer.json()["detail"]

    def test_the_table_has_every_utterance_and_what_is_missing(self, client: TestClient) -> None:
        table = client.get("/data/corpus.json").json()
        assert len(table["ids"]) == 192 and table["missing"]["frames"] == [191]
        assert table["labels"]["sentiment"][2] == HOSTILE
        own = table["heads"][0]["measures"][0]
        assert own["classes"] == ["anger", "joy"] and 0.5 <= own["confidence"][TEST] <= 1

    def test_the_health_of_stores(self, client: TestClient) -> None:
        words, sound, frames = client.get("/data/stores.json").json()
        assert (frames["num_tracks"], frames["reasons"]) == (191, {"missing": 1})
        assert (words["lengths"]["least"], words["lengths"]["most"]) == (6, 6)
        assert frames["lengths"]["least"] == 8 and frames["lengths"]["counts"] == [191]
        assert sound["lengths"]["counts"] == [192] and sound["rate_hz"] == RATE_HZ
        store = Store(Path("features/cache/planted/sound.zarr"))
        norms = np.linalg.norm(store.read(range(192)).astype(float), axis=2)
        assert sound["layers"][0]["quartiles"] == pytest.approx(
            np.quantile(norms, [0.25, 0.5, 0.75]).tolist(), abs=1e-2
        )


class TestExport:
    def test_the_folder_has_what_the_server_says(self, client: TestClient, tmp_path: Path) -> None:
        done = run("explore", "planted", "--export", tmp_path / "out")
        assert done.exit_code == 0 and "192 utterances" in done.output
        page = (tmp_path / "out/index.html").read_text()
        assert page == client.get("/").text
        table = json.loads((tmp_path / "out/data/corpus.json").read_text())
        assert table == {**client.get("/data/corpus.json").json(), "is_static": True}
        own = json.loads((tmp_path / f"out/data/utterances/{TEST}.json").read_text())
        served = client.get(f"/data/utterances/{TEST}.json").json()
        assert own["heads"] == served["heads"] and "--with-media" in own["audio"]["reason"]
        assert not list((tmp_path / "out").rglob("*.flac"))

    def test_clips_come_with_media_and_another_export_replaces_it(
        self, client: TestClient, tmp_path: Path
    ) -> None:
        for _ in range(2):
            done = run("explore", "planted", "--export", tmp_path / "out", "--with-media")
            assert done.exit_code == 0
        clip = (tmp_path / f"out/media/{TEST}.flac").read_bytes()
        assert clip == client.get(f"/media/{TEST}.flac").content
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_a_video_of_several_utterances_is_copied_once(
        self, planted: Corpus, tmp_path: Path
    ) -> None:
        film = {"video": "film.MP4", "video_digest": planted.utterances[183].video_digest}
        two = [replace(u, **film) if u.id == "u186" else u for u in planted.utterances]  # type: ignore[arg-type]
        export(replace(planted, utterances=two), tmp_path / "out", with_media=True)
        assert [path.name for path in (tmp_path / "out/media").glob("*.mp4")] == ["183.mp4"]
        for row in (183, 186):
            own = json.loads((tmp_path / f"out/data/utterances/{row}.json").read_text())
            assert own["video"]["source"] == "media/183.mp4"

    def test_a_folder_of_other_files_is_left_alone(self, planted: Corpus, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        done = run("explore", "planted", "--export", tmp_path)
        assert done.exit_code != 0 and "contains files not written by an export" in str(
            done.exception
        )
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_a_file_is_not_replaced(self, planted: Corpus, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        done = run("explore", "planted", "--export", tmp_path / "file")
        assert "is a file" in str(done.exception) and (tmp_path / "file").read_text() == "mine"


def test_an_utterance_that_a_store_lacks_is_said_to_be_missing(planted: Corpus) -> None:
    more = replace(planted.utterances[0], id="new")
    assert planted.reason("sound", more).startswith("not in the store")


class TestCommand:
    def test_an_unknown_corpus_is_named(self, planted: Corpus) -> None:
        done = run("explore", "plantet", "--no-browser")
        assert "Did you mean 'planted'?" in str(done.exception)

    def test_a_corpus_that_was_not_read_yet_is_named(self, planted: Corpus) -> None:
        done = run("explore", "other", "--no-browser")
        assert "data/other/manifest.jsonl does not exist" in str(done.exception)

    def test_media_without_an_export_are_refused(self, planted: Corpus) -> None:
        assert "--export DIR" in str(run("explore", "--with-media").exception)

    def test_the_page_is_there_before_a_browser_asks_for_it(
        self, planted: Corpus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A request waits for the server; the browser may keep the command waiting."""
        import uvicorn

        asked: list[int] = []
        waited: list[bool] = []
        running, connected, ended = (threading.Event() for _ in range(3))

        def served(*_: Any, **__: Any) -> None:
            running.set()
            assert connected.wait(10)

        def browser(address: str) -> None:
            host, port = address.removeprefix("http://").rstrip("/").split(":")
            with socket.create_connection((host, int(port))):
                asked.append(int(port))
            connected.set()
            waited.append(running.wait(10))  # as a browser in the terminal does
            ended.set()

        monkeypatch.setattr("webbrowser.open", browser)
        monkeypatch.setattr(uvicorn.Server, "run", served)
        done = run("explore", "planted", "--port", 0)
        assert ended.wait(10) and done.exit_code == 0 and waited == [True]
        assert f":{asked[0]}/" in done.output

    def test_a_port_that_is_taken_is_named(self, planted: Corpus) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = run("explore", "planted", "--no-browser", "--port", port)
        assert f"port {port} cannot be used" in str(done.exception)
