"""Files as other tools write them, made by the libraries of their formats and never by ours."""

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np

RANDOM = np.random.default_rng(5)
TRACKS = {
    "dia0_utt0": RANDOM.normal(size=(4, 3)).astype(np.float32),
    "dia0_utt1": RANDOM.normal(size=(1, 3)).astype(np.float32),
    "dia1_utt0": RANDOM.normal(size=(6, 3)).astype(np.float32),
}


def vectors(dialogues: dict[Any, list[Any]], dim: int) -> dict[Any, list[np.ndarray]]:
    """A vector for each utterance of each dialogue."""
    return {key: [RANDOM.normal(size=dim) for _ in rows] for key, rows in dialogues.items()}


def dialogue_rnn_iemocap() -> tuple[Any, ...]:
    """IEMOCAP_features.pkl of DialogueRNN: nine elements."""
    ids = {
        "Ses01F_impro01": ["Ses01F_impro01_F000", "Ses01F_impro01_M000"],
        "Ses05M_script01": ["Ses05M_script01_M000"],
    }
    speakers = {"Ses01F_impro01": ["F", "M"], "Ses05M_script01": ["M"]}
    emotions = {"Ses01F_impro01": [2, 0], "Ses05M_script01": [5]}
    words = {key: [f"words of {name}" for name in names] for key, names in ids.items()}
    return (
        ids, speakers, emotions, vectors(ids, 6), vectors(ids, 4), vectors(ids, 5), words,
        ["Ses01F_impro01"], ["Ses05M_script01"],
    )  # fmt: skip


def dialogue_rnn_meld() -> tuple[Any, ...]:
    """MELD_features_raw.pkl: nine elements, integer keys, speakers one-hot."""
    ids = {0: [0, 1], 1: [0], 2: [0, 1]}
    speakers = {key: [[0, 1, 0] for _ in rows] for key, rows in ids.items()}
    emotions = {0: [0, 6], 1: [4], 2: [1, 0]}
    words = {key: ["said" for _ in rows] for key, rows in ids.items()}
    sentiments = {0: [0, 2], 1: [1], 2: [1, 0]}
    return (
        ids, speakers, emotions, vectors(ids, 6), vectors(ids, 3), words, [0, 1], [2], sentiments,
    )  # fmt: skip


def mmgcn_meld() -> tuple[Any, ...]:
    """MELD_features_raw1.pkl of MMGCN: ten elements, the last of no meaning."""
    ids, speakers, emotions, text, audio, words, train, test, _ = dialogue_rnn_meld()
    video = vectors(ids, 7)
    return ids, speakers, emotions, text, audio, video, words, train, test, [0]


def cosmic_iemocap() -> tuple[Any, ...]:
    """iemocap_features_roberta.pkl of COSMIC: ten elements, dev listed last."""
    ids, speakers, emotions, *_ = dialogue_rnn_iemocap()
    words = {key: ["said"] * len(rows) for key, rows in ids.items()}
    layers = [vectors(ids, 8) for _ in range(4)]
    first, second = ids
    return speakers, emotions, *layers, words, [first], [second], []


def cosmic_meld() -> tuple[Any, ...]:
    """meld_features_roberta.pkl of COSMIC: eleven elements, with sentiments."""
    ids, speakers, emotions, _, _, words, _, _, sentiments = dialogue_rnn_meld()
    layers = [vectors(ids, 8) for _ in range(4)]
    return speakers, emotions, sentiments, *layers, words, [0], [2], [1]


def graphsmile() -> tuple[Any, ...]:
    """meld_multi_features.pkl of GraphSmile: fourteen elements."""
    ids, speakers, emotions, _, audio, words, train, test, sentiments = dialogue_rnn_meld()
    texts = [vectors(ids, 8) for _ in range(4)]
    video = vectors(ids, 7)
    return (
        ids, speakers, emotions, sentiments, *texts, audio, video, words, train, test, {},
    )  # fmt: skip


def mmsa() -> dict[str, Any]:
    """An unaligned file of MMSA: padded arrays, lengths of audio and vision, text_bert."""
    splits = {}
    for name, count in (("train", 3), ("valid", 1), ("test", 2)):
        text, audio, vision = (
            np.zeros((count, size, dim)) for size, dim in ((5, 4), (6, 3), (7, 2))
        )
        mask = np.zeros((count, 3, 5))
        for row in range(count):
            text[row, : row + 2] = RANDOM.normal(size=(row + 2, 4))
            audio[row, : row + 1] = RANDOM.normal(size=(row + 1, 3))
            vision[row, : row + 3] = RANDOM.normal(size=(row + 3, 2))
            mask[row, 1, : row + 2] = 1
        splits[name] = {
            "raw_text": [f"{name} text {row}" for row in range(count)],
            "audio": audio, "vision": vision, "text": text, "text_bert": mask,
            "id": [f"{name}Video$_${row}" for row in range(count)],
            "audio_lengths": [row + 1 for row in range(count)],
            "vision_lengths": [row + 3 for row in range(count)],
            "annotations": ["Negative", "Neutral", "Positive"][:count],
            "classification_labels": np.arange(count),
            "regression_labels": np.linspace(-3, 3, count),
        }  # fmt: skip
    return splits


def bc_lstm() -> tuple[Any, ...]:
    """audio.pickle of bc-LSTM: two videos for training, one for test, padded to three."""
    train, test = np.zeros((2, 3, 4)), np.zeros((1, 3, 4))
    train[0, :3], train[1, :1], test[0, :2] = 1, 2, RANDOM.normal(size=(2, 4))
    labels = np.array([[0, 1, 1], [1, 0, 0]], float)
    return train, labels, test, np.array([[1.0, 0, 0]]), 3, [3, 1], [2]


def write_mmin(path: Path) -> None:
    """A file of MMIN: a dataset for each utterance at the root, by h5py."""
    with h5py.File(path, "w") as file:
        for name, track in TRACKS.items():
            file[name] = track


def write_csd(path: Path, *, aligned: bool = False) -> None:
    """A computational sequence as CMU's SDK writes it."""
    with h5py.File(path, "w") as file:
        for name, track in TRACKS.items():
            own = f"{name}[0]" if aligned else name
            data = file.create_group(f"COVAREP/data/{own}")
            data["features"] = track
            edges = np.arange(len(track) + 1) / 10
            data["intervals"] = np.stack([edges[:-1], edges[1:]], 1)
        texts = h5py.string_dtype()
        file.create_dataset("COVAREP/metadata/root name", data=['"COVAREP"'], dtype=texts)


def python2_pickle(items: dict[str, list[float]]) -> bytes:
    """A pickle of Python 2 and NumPy 1 in protocol 2: names and values are byte strings."""

    def short(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    body = b"\x80\x02}("
    for name, numbers in items.items():
        raw = np.array(numbers, "<f4").tobytes()
        body += short(name.encode("utf-8"))
        body += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + short(b"b")
        body += b"\x87R(K\x01K" + bytes([len(numbers)]) + b"\x85cnumpy\ndtype\n" + short(b"f4")
        body += (
            b"K\x00K\x01\x87R(K\x03" + short(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        )
        body += b"\x89" + short(raw) + b"tb"
    return body + b"u."


def python2_text_pickle() -> bytes:
    """A dict of lists in protocol 0, which is text, as scripts of Python 2 wrote it."""
    return b"(dp0\nS'caf\\xc3\\xa9'\np1\n(lp2\nF1.5\naF-2.0\nasS'b'\np3\n(lp4\nF0.25\naF4\nas."


def write_pickle(path: Path, content: Any, protocol: int = 2) -> None:
    """A pickle by Python's own library."""
    path.write_bytes(pickle.dumps(content, protocol))
