"""Answers along a recording: windows, transcripts, speech, and annotation files."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pandas
import pytest
import soundfile
import textgrid  # another library than the one that writes

from app.timelines.stretches import Windows
from app.timelines.transcripts import Turn, read_transcript
from features.errors import ProjectError
from tests.predict_world import records, run

RATE_HZ = 16_000
CUE_S = (37.0, 39.0)
PARAMS = """
extract: {}
synthetic: {}
corpora: {sounds: {code: table, root: sounds, file: clips.csv}}
backbones: {mel: {code: log-mel, num_bands: 16}}
tracks: {sounds-mel: {corpus: sounds, backbone: mel}}
heads:
  main:
    code: probe
    corpus: sounds
    inputs: {text: none, audio: mel, video: none}
    tasks: {emotion: {}}
continued: {}
transfers: {}
"""


def calm(seconds: float, hz: float = 220.0) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def angry(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.2 * np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose head tells noise from tones, and a minute of tone with noise at CUE_S."""
    folder = tmp_path_factory.mktemp("sounds")
    (folder / "sounds").mkdir()
    rows = []
    for number in range(24):
        name, emotion = f"{number:02d}.wav", ("calm", "anger")[number % 2]
        sound = angry(1.0, number) if number % 2 else calm(1.0, 150 + 20 * number)
        soundfile.write(folder / "sounds" / name, sound, RATE_HZ)
        split = ("train", "train", "dev", "test")[number // 2 % 4]
        rows.append({"audio": name, "emotion": emotion, "split": split, "speaker": f"s{number}"})
    pandas.DataFrame(rows).to_csv(folder / "sounds/clips.csv", index=False)
    (folder / "params.yaml").write_text(PARAMS)
    minute = calm(60.0)
    first, last = (int(time_s * RATE_HZ) for time_s in CUE_S)
    minute[first:last] = angry(CUE_S[1] - CUE_S[0], 99)
    soundfile.write(folder / "minute.wav", minute, RATE_HZ)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in (("manifest", "sounds"), ("extract", "sounds-mel"), ("train", "main")):
            assert (done := run(*command)).exit_code == 0, done.output
    yield folder


@pytest.fixture
def project(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(sounds)
    return sounds


def along(out: Path) -> None:
    """Answer along the minute, a second at a time."""
    done = run("predict", "main", "minute.wav", "--every", "1", "--window", "1", "--to", str(out))
    assert done.exit_code == 0, done.output


@pytest.mark.slow
def test_a_planted_cue_is_found_at_its_second(project: Path, tmp_path: Path) -> None:
    along(tmp_path / "out.csv")
    frame = pandas.read_csv(tmp_path / "out.csv")
    assert len(frame) == 60 and list(frame["start_s"]) == list(range(60))
    cue = frame[frame["emotion"] == "anger"]
    assert (cue["start_s"].min(), cue["end_s"].max()) == CUE_S and len(cue) == 2


@pytest.mark.slow
def test_praat_s_textgrid_has_the_cue_in_another_reader(project: Path, tmp_path: Path) -> None:
    along(tmp_path / "out.TextGrid")
    grid = textgrid.TextGrid.fromFile(str(tmp_path / "out.TextGrid"))
    tiers = {tier.name: tier for tier in grid.tiers}
    assert set(tiers) == {"emotion", "emotion probability"} and grid.maxTime == 60
    cue = [(x.minTime, x.maxTime) for x in tiers["emotion"] if x.mark == "anger"]
    assert cue == [(37, 38), (38, 39)]


@pytest.mark.slow
def test_elan_s_file_has_the_cue_in_another_reader(project: Path, tmp_path: Path) -> None:
    along(tmp_path / "out.eaf")
    root = ElementTree.parse(tmp_path / "out.eaf").getroot()
    times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    (tier,) = [tier for tier in root.iter("TIER") if tier.get("TIER_ID") == "emotion"]
    cue = [
        (times[a.get("TIME_SLOT_REF1")], times[a.get("TIME_SLOT_REF2")])
        for a in tier.iter("ALIGNABLE_ANNOTATION")
        if a.findtext("ANNOTATION_VALUE") == "anger"
    ]
    assert cue == [("37000", "38000"), ("38000", "39000")]
    assert root.find("HEADER/MEDIA_DESCRIPTOR").get("MEDIA_URL").endswith("/minute.wav")  # type: ignore[union-attr]


@pytest.mark.slow
def test_webvtt_has_the_cue_in_another_reader(project: Path, tmp_path: Path) -> None:
    along(tmp_path / "out.vtt")
    with av.open(str(tmp_path / "out.vtt")) as container:  # ffmpeg's reader
        packets = [p for p in container.demux(container.streams[0]) if p.size]
        cue = [float(p.pts * p.time_base) for p in packets if b"emotion anger" in bytes(p)]
    assert len(packets) == 60 and cue == [37.0, 38.0]


@pytest.mark.slow
def test_a_transcript_s_turns_are_answered_as_a_dialogue(project: Path, tmp_path: Path) -> None:
    subtitles = tmp_path / "talk.srt"
    subtitles.write_text(
        "1\n00:00:10,000 --> 00:00:12,500\nAll is well.\n\n"
        "2\n00:00:37,250 --> 00:00:38,750\nNo!\nNever!\n"
    )
    out = tmp_path / "out.jsonl"
    done = run("predict", "main", "minute.wav", "--transcript", str(subtitles), "--to", str(out))
    assert done.exit_code == 0, done.output
    first, second = records(out)
    assert (first["emotion"]["label"], second["emotion"]["label"]) == ("calm", "anger")
    assert (second["start_s"], second["end_s"], second["text"]) == (37.25, 38.75, "No! Never!")
    assert [record["turn"] for record in (first, second)] == [0, 1]
    assert first["dialogue"] == second["dialogue"] == "minute"


@pytest.mark.slow
def test_a_recording_without_speech_has_no_answers(project: Path) -> None:
    done = run("predict", "main", "minute.wav", "--voice")
    assert done.output.startswith("minute.wav: no speech was detected")


@pytest.mark.slow
def test_real_speech_in_silence_is_found(project: Path, shared_data: Path, tmp_path: Path) -> None:
    clip = min(shared_data.glob("ravdess/Actor_17/03-01-05-02-*"), default=None)
    if clip is None:
        pytest.skip("RAVDESS is not among the published data")
    speech, rate_hz = soundfile.read(clip)
    sound = np.zeros(30 * rate_hz)
    sound[12 * rate_hz : 12 * rate_hz + len(speech)] = speech
    soundfile.write(tmp_path / "talk.wav", sound, rate_hz)
    out = tmp_path / "out.jsonl"
    done = run("predict", "main", str(tmp_path / "talk.wav"), "--voice", "--to", str(out))
    assert done.exit_code == 0, done.output
    stretches = [(record["start_s"], record["end_s"]) for record in records(out)]
    end_s = 12 + len(speech) / rate_hz
    assert stretches and all(12 <= start < end <= end_s + 0.2 for start, end in stretches)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["minute.wav", "--to", "x.TextGrid"], "needs answers along a recording; add --every"),
        (["minute.wav", "--window", "2"], "give --every with it"),
        (["minute.wav", "--every", "1", "--voice"], "'--every', '--voice' cannot be combined"),
        (["sounds", "--every", "1", "--to", "x.vtt"], "can hold only one recording, not 24"),
        (["timed.csv", "--every", "1"], "'a' has times or words of its own"),
        (["minute.wav", "--voice", "--to", "x.vtt"], "no speech was detected"),
        (["minute.wav", "--to", "sounds"], "'sounds', which is a folder"),
    ],
)
def test_what_the_user_must_mend_is_one_message(
    project: Path, words: list[str], message: str
) -> None:
    (project / "timed.csv").write_text("id,audio,start,end\na,minute.wav,2,3\n")
    assert re.search(message, str(run("predict", "main", *words).exception))


class TestWindows:
    def test_cells_tile_the_recording_and_windows_lie_around_them(self) -> None:
        pairs = list(Windows(1.0, 4.0).of(5.5))
        assert [cell for _, cell in pairs] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 5.5)]
        assert pairs[0][0] == (0.0, 2.5) and pairs[2][0] == (0.5, 4.5)
        assert pairs[5][0] == (3.25, 5.5)

    def test_a_recording_shorter_than_a_cell_has_one(self) -> None:
        assert list(Windows(2.0, 4.0).of(0.4)) == [((0.0, 0.4), (0.0, 0.4))]

    def test_rounding_leaves_no_cell_without_length(self) -> None:
        assert len(list(Windows(0.1, 0.1).of(0.30000000000000004))) == 3
        assert list(Windows(0.5, 0.5).of(1.0003))[-1][1] == (0.5, 1.0003)

    @pytest.mark.parametrize("every_s", [0.1, 0.2, 0.3, 0.7, 1 / 3])
    def test_cells_never_overlap_and_leave_no_gap(self, every_s: float) -> None:
        cells = [cell for _, cell in Windows(every_s, 1.0).of(60.0)]
        assert cells[0][0] == 0 and cells[-1][1] == 60.0
        assert all(one[1] == other[0] for one, other in pairwise(cells))


class TestTranscripts:
    def test_subtitles_of_the_web_name_their_speakers(self, tmp_path: Path) -> None:
        path = tmp_path / "a.vtt"
        path.write_text("WEBVTT\n\n01:00.500 --> 01:02.000\n<v Ann>Hello there\n")
        assert read_transcript(path, print) == [Turn(60.5, 62.0, "Hello there", "Ann")]

    def test_a_textgrid_s_tiers_are_its_speakers(self, tmp_path: Path) -> None:
        grid = textgrid.TextGrid(maxTime=5.0)
        for name, (start, end, words) in {"A": (0.5, 2, "hi"), "B": (1.5, 3, "ho")}.items():
            tier = textgrid.IntervalTier(name, 0, 5.0)
            tier.add(start, end, words)
            grid.append(tier)
        grid.write(str(tmp_path / "a.TextGrid"))
        notes: list[str] = []
        turns = read_transcript(tmp_path / "a.TextGrid", notes.append)
        assert turns == [Turn(0.5, 2.0, "hi", "A"), Turn(1.5, 3.0, "ho", "B")]
        assert notes == ["a.TextGrid: its tiers 'A', 'B' are taken as speakers"]

    def test_a_table_and_plain_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("start,end,text\n3,4,b\n1,2,a\n")
        assert read_transcript(tmp_path / "a.csv", [].append) == [
            Turn(1.0, 2.0, "a", None),
            Turn(3.0, 4.0, "b", None),
        ]
        (tmp_path / "a.txt").write_text("\ufeffone\n  two \n")
        assert read_transcript(tmp_path / "a.txt", [].append) == "one two"

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.vtt", "not a VTT", "not a valid subtitle file"),
            ("a.vtt", "WEBVTT\n", "has no turns"),
            ("a.vtt", "WEBVTT\n\n00:03.000 --> 00:02.000\nx\n", "the end must be later"),
            ("a.TextGrid", "Nothing", "is not a TextGrid"),
            ("a.txt", "caf\xe9", "is not UTF-8"),
            ("a.pdf", "x", "its extension must be one of"),
        ],
    )
    def test_what_is_not_one_is_named(
        self, name: str, content: str, message: str, tmp_path: Path
    ) -> None:
        (tmp_path / name).write_bytes(content.encode("latin-1"))
        with pytest.raises(ProjectError, match=message):
            read_transcript(tmp_path / name, [].append)
