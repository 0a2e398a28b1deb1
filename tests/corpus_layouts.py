"""Tiny folders in exactly the layout of each corpus, for its reader; all content is made up."""

import csv
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from extract.synthetic import demo as synthetic_demo
from tests.foreign_files import mmsa, write_pickle
from tests.test_media import RATE_HZ, tone


def write_rows(path: Path, rows: Sequence[Sequence[Any]], delimiter: str = ",") -> None:
    """A table with a header as its first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def write_wav(path: Path, seconds: float = 0.1) -> None:
    """A short tone, another one for each name: no two clips are the same recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hz = 200 + zlib.crc32(path.name.encode()) % 100_000 / 50
    soundfile.write(path, tone(seconds, hz), RATE_HZ)


def demo(root: Path) -> None:
    """Four dialogues of eight turns."""
    root.rmdir()
    synthetic_demo.make(root, seed=0, num_dialogues=4)


MELD_HEADER = (
    *("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"),
    *("Season", "Episode", "StartTime", "EndTime"),
)


def meld(root: Path) -> None:
    """Five utterances without clips; train dia125 utt3 is one that cannot be decoded."""
    rows = {"train": [(0, 0), (0, 1), (125, 3)], "dev": [(0, 0)], "test": [(0, 0)]}
    for split, pairs in rows.items():
        lines = [
            [1, "I’m fine.", "Ross", "joy", "positive", d, u, 1, 2, "00:00:01,000", "00:00:02,000"]
            for d, u in pairs
        ]
        write_rows(root / f"{split}_sent_emo.csv", [MELD_HEADER, *lines])


def ravdess(root: Path) -> None:
    """Six actors with two clips each, and a table of three folds."""
    folds: list[Sequence[Any]] = [("clip", "emobox_test_fold")]
    for actor in range(1, 7):
        for emotion in (1, 5):
            name = f"03-01-{emotion:02d}-01-02-01-{actor:02d}"
            write_wav(root / f"Actor_{actor:02d}" / f"{name}.wav", 0.05)
            folds.append((name, 1 + actor % 3))
    (root / "Actor_01/notes.txt").write_text("not a clip")
    write_rows(root / "folds.csv", folds)


def crema_d(root: Path) -> None:
    """Four clips of two actors, one of them known to be bad, one badly named."""
    for name in ("1001_IEO_ANG_LO", "1001_MTI_NEU_XX", "1076_MTI_SAD_XX", "1076_MTI_NEU_XX"):
        write_wav(root / "AudioWAV" / f"{name}.wav")
    write_wav(root / "AudioWAV" / "readme.wav")
    (root / "VideoFlash").mkdir()
    for name in ("1001_IEO_ANG_LO", "1076_MTI_NEU_XX"):
        (root / "VideoFlash" / f"{name}.flv").write_bytes(b"video")


def iemocap(root: Path) -> None:
    """Two sessions with one dialogue each: four emotions, one turn without agreement."""
    for session in (1, 2):
        folder = root / f"Session{session}"
        name = f"Ses0{session}F_impro01"
        turns = [("F", 0, "neu"), ("M", 0, "exc"), ("F", 1, "fru"), ("M", 1, "xxx")]
        lines, transcript = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""], []
        for number, (actor, turn, emotion) in enumerate(turns):
            start = 6.2901 + number
            full = f"{name}_{actor}{turn:03d}"
            lines.append(
                f"[{start:.4f} - {start + 1:.4f}]\t{full}\t{emotion}\t[2.5000, 3.0000, 3.5000]"
            )
            lines += ["C-E2:\tNeutral;\t()", ""]
            transcript.append(f"{full} [{start:08.4f}-{start + 1:08.4f}]: Excuse me.")
            write_wav(folder / "sentences/wav" / name / f"{full}.wav", 1.0)
        for kind, content in (("EmoEvaluation", lines), ("transcriptions", transcript)):
            (folder / "dialog" / kind).mkdir(parents=True)
            (folder / "dialog" / kind / f"{name}.txt").write_text("\n".join(content))
        (folder / "dialog/EmoEvaluation" / f"._{name}.txt").write_bytes(b"\x00\x05junk\xff")
        (folder / "dialog/avi/DivX").mkdir(parents=True)
        (folder / "dialog/avi/DivX" / f"{name}.avi").write_bytes(b"video")


def msp_improv(root: Path) -> None:
    """Two sessions, four turns; with the lines of the raters in between."""
    lines = []
    turns = [("F01", "A", "A"), ("M01", "H", "H"), ("F02", "N", "X"), ("M02", "S", "S")]
    for actor, letter, emotion in turns:
        turn = f"S01{letter}-{actor}-P-FM01"
        lines.append(
            f"UTD-IMPROV-{turn}.avi; {emotion}; A:2.400000 ; V:2.200000 ; D:3.600000 ; N:3.2 ;"
        )
        lines += ["WORKER00000006; Angry; Angry,Frustrated; A:3.0; V:2.0; D:3.0; N:4.0;", ""]
        session = f"session{int(actor[1:])}"
        write_wav(root / "Audio" / session / f"S01{letter}" / "P" / f"MSP-IMPROV-{turn}.wav")
    (root / "Evalution.txt").write_text("\n".join(lines))


def msp_podcast(root: Path) -> None:
    """Four turns, one of a test set that is not used, one without agreement."""
    header = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
    rows = [
        ("MSP-PODCAST_0001_0001.wav", "A", "5.2", "2.0", "5.0", "7", "Male", "Train"),
        (
            "MSP-PODCAST_0001_0002.wav",
            "X",
            "4.0",
            "4.0",
            "4.0",
            "Unknown",
            "Unknown",
            "Development",
        ),
        ("MSP-PODCAST_0002_0001.wav", "H", "5.0", "6.0", "4.5", "8", "Female", "Test1"),
        ("MSP-PODCAST_0003_0001.wav", "S", "2.0", "2.0", "3.0", "9", "Female", "Test2"),
    ]
    write_rows(root / "Labels" / "labels_consensus.csv", [header, *rows])
    for file, *_ in rows:
        write_wav(root / "Audios" / file)
    (root / "Transcripts").mkdir()
    (root / "Transcripts" / "MSP-PODCAST_0001_0001.txt").write_text("I told you so.\n")


DAIC_WOZ_ITEMS = (
    *("PHQ8_NoInterest", "PHQ8_Depressed", "PHQ8_Sleep", "PHQ8_Tired"),
    *("PHQ8_Appetite", "PHQ8_Failure", "PHQ8_Concentrating", "PHQ8_Moving"),
)


def daic_woz(root: Path) -> None:
    """Five sessions: 409 and 319 with the known label errors, 373 with its interruption."""
    header = ("Participant_ID", "PHQ8_Binary", "PHQ8_Score", "Gender", *DAIC_WOZ_ITEMS)
    train = [
        (409, 0, 10, 1, 2, 1, 1, 2, 1, 1, 1, 1),
        (319, 1, 13, 0, 1, 2, "", 2, 2, 2, 1, 1),
        (373, 0, 9, 1, 1, 1, 1, 2, 1, 1, 1, 1),
    ]
    dev = [(302, 0, 4, 1, 1, 0, 1, 0, 1, 0, 1, 0)]
    test = [("Participant_ID", "PHQ_Binary", "PHQ_Score", "Gender"), (300, 1, 15, 0)]
    write_rows(root / "train_split_Depression_AVEC2017.csv", [header, *train])
    write_rows(root / "dev_split_Depression_AVEC2017.csv", [header, *dev])
    write_rows(root / "full_test_split.csv", test)
    for name in (409, 319, 373, 302, 300):
        _daic_woz_session(root / f"{name}_P", name)


def _daic_woz_session(folder: Path, name: int) -> None:
    turns = [(0.0, 1.0, "Ellie", "how are you"), (1.0, 2.0, "Participant", "fine <laughter>"),
             (2.0, 2.5, "Ellie", "good"), (3.0, 4.0, "Participant", "and you")]  # fmt: skip
    turns += [(400.0, 401.0, "Participant", "who is that")] if name == 373 else []
    header = ("start_time", "stop_time", "speaker", "value")
    write_rows(folder / f"{name}_TRANSCRIPT.csv", [header, *turns], "\t")
    write_wav(folder / f"{name}_AUDIO.wav", 5.0)
    covarep = np.arange(500 * 3).reshape(500, 3) / 10
    np.savetxt(folder / f"{name}_COVAREP.csv", covarep, delimiter=",", fmt="%g")
    rows = [f"{n}, {n / 30:.3f}, 0.9, 1, {n % 7}, 0.5" for n in range(150)]
    columns = "frame, timestamp, confidence, success, AU01_r, AU02_r"
    (folder / f"{name}_CLNF_AUs.txt").write_text("\n".join([columns, *rows]))


def ecf(root: Path) -> None:
    """Two conversations of the training file, one of the test file."""

    def conversation(number: int) -> dict[str, Any]:
        turns = [
            {"utterance_ID": n, "text": f"Well , {n} .", "speaker": "Monica", "emotion": emotion,
             "video_name": f"dia{number}utt{n}.mp4", "video_source": ["S01E01", "00:01:01.5", "00:01:03.0"]}
            for n, emotion in ((1, "neutral"), (2, "joy"))
        ]  # fmt: skip
        pairs = [["2_joy", "1"], ["2_joy", "2"]]
        return {"conversation_ID": number, "conversation": turns, "emotion-cause_pairs": pairs}

    files = {
        "Subtask_2_train.json": [conversation(1), conversation(2), conversation(3)],
        "Subtask_2_test.json": [conversation(4)],
        "ecf_conv_splits.json": {"train": [1], "dev": [2], "test": [3]},
    }
    for name, content in files.items():
        (root / name).write_text(json.dumps(content))


def mosi(root: Path) -> None:
    """Four training videos and one test video; the rows are in no order."""
    rows: list[Sequence[Any]] = [("split", "row", "video", "utterance", "label", "text")]
    rows += [("train", n, f"v{n % 4}", 8 - n, n % 2, f"WORDS {n}") for n in range(8)]
    rows += [("test", n, "w", n, n % 2, "MORE") for n in range(2)]
    write_rows(root / "utterances.csv", rows)
    for kind, width in (("text", 100), ("audio", 73), ("video", 100)):
        for split, count in (("train", 8), ("test", 2)):
            values = np.arange(count, dtype=np.float32)[:, None] + np.zeros(width, np.float32)
            np.save(root / f"{kind}_{split}.npy", values)


def table(root: Path) -> None:
    """Three clips with a spreadsheet."""
    rows = [("path", "transcript", "label", "speaker", "split", "remark"),
            ("a.wav", "Hello.", "happy", "ann", "train", ""), ("b.wav", "No!", "angry", "bob", "val", ""),
            ("c.wav", "", "happy", "cid", "test", "noisy")]  # fmt: skip
    write_rows(root / "clips.csv", rows)
    for name in "abc":
        write_wav(root / f"{name}.wav")


def imported(root: Path) -> None:
    """A pickle of MMSA with six utterances."""
    write_pickle(root / "unaligned.pkl", mmsa())


# How each reader's folder is made, and the settings that it needs.
LAYOUTS: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    "crema-d": (crema_d, {}),
    "daic-woz": (daic_woz, {"segments": True}),
    "demo": (demo, {}),
    "ecf": (ecf, {"parts": "semeval"}),
    "iemocap": (iemocap, {"emotions": "four"}),
    "imported": (imported, {"format": "mmsa", "path": "unaligned.pkl"}),
    "meld": (meld, {}),
    "mosi": (mosi, {"num_dev_videos": 1}),
    "msp-improv": (msp_improv, {}),
    "msp-podcast": (msp_podcast, {"release": "2.0", "test": "Test1"}),
    "ravdess": (ravdess, {}),
    "table": (table, {"file": "clips.csv"}),
}
