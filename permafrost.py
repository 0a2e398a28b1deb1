"""Cached tracks, labels, predictions and trained heads, as numpy arrays and pandas tables.

Every function works on the project in the current folder, or in `project`: the folder that holds
params.yaml. While a call runs, that folder is the working directory of the whole process, so calls
from several threads must take turns.

    >>> import permafrost
    >>> table = permafrost.tracks("demo/minilm", split="train")
    >>> table.arrays[0].shape
    (2, 6, 384)
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app import VERSION
from app.paths import RUNS_PATH, labels_path, manifest_path
from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import SPLITS, Label, read_labels, read_utterances
from features.specs.tracks import store_path
from features.store.reader import Store

if TYPE_CHECKING:
    import pandas

    from app.predict.predictor import Predictor

__all__ = [
    "LoadedHead",
    "ProjectError",
    "Store",
    "Tracks",
    "__version__",
    "frame",
    "load_head",
    "open_store",
    "predict",
    "tracks",
]
Where = str | os.PathLike[str]
__version__ = VERSION


@dataclass(frozen=True)
class Tracks:
    """The tracks of a store with the labels of its corpus; all lists have the same order.

    Attributes:
        ids: the utterances that have a track.
        arrays: the track of each, `(T, D)` where the store keeps one layer, else `(L, T, D)`, in
            the number format of the store (float16 unless params.yaml says otherwise).
        labels: the label of each utterance, with its split, speaker and dialogue.
        rate_hz: steps per second; None for text, whose steps are tokens.
    """

    ids: list[str]
    arrays: list[NDArray[Any]]
    labels: list[Label]
    rate_hz: float | None

    def __len__(self) -> int:
        return len(self.ids)


def open_store(name: Where, project: Where = ".") -> Store:
    """The store ``"CORPUS/BACKBONE"`` of a project, or one at a path or an address (``s3://...``).

    Raises ProjectError where there is none, or where it is damaged.
    """
    text = os.fspath(name)
    with _inside(project):
        if "://" in text or Path(text).is_dir():
            return Store(text if "://" in text else Path(text).absolute())
        corpus, _, backbone = text.partition("/")
        return Store(store_path(corpus, backbone).absolute())


def tracks(name: str, split: str | None = None, project: Where = ".") -> Tracks:
    """The tracks of the store ``"CORPUS/BACKBONE"``, with labels, of one split or of all.

    `split` is an official split (``"train"``, ``"dev"``, ``"test"``), as recorded in the labels.
    Utterances without a track are left out: `Store.reasons` says why. Arrays are copies in memory;
    read large stores row by row with `Store.track`. Raises ProjectError where the store or the
    labels are missing.
    """
    if split not in (None, *SPLITS):
        raise ProjectError(f"split is {split!r}; it must be one of {quoted(SPLITS)}, or None")
    with _inside(project):
        store = open_store(name)
        labels = {label.id: label for label in read_labels(labels_path(name.partition("/")[0]))}
        chosen = [
            (row, labels[utterance])
            for row, utterance in enumerate(store.ids)
            if utterance in labels and store.lengths[row]
            if split is None or labels[utterance].split == split
        ]
        arrays = [np.array(store.track(row)) for row, _ in chosen]
    if store.num_layers == 1:
        arrays = [array[0] for array in arrays]
    ids = [label.id for _, label in chosen]
    return Tracks(ids, arrays, [label for _, label in chosen], store.attributes["rate_hz"])


def frame(corpus: str, head: str | None = None, project: Where = ".") -> "pandas.DataFrame":
    """A corpus as a table, one row per utterance with its labels, or with a head's predictions.

    Columns are the fields of the manifest and of the labels; times are in seconds. With a `head`
    there is one row for each fold and seed that predicted the utterance on its dev or test set
    (``predicted_split`` says which), with the columns ``fold`` and ``seed``, for each measure
    ``<measure>_predicted``, and for classes ``<measure>_<class>`` (probabilities). Raises
    ProjectError if the corpus or the run is missing.
    """
    import pandas

    with _inside(project):
        utterances = pandas.DataFrame(map(_plain, read_utterances(manifest_path(corpus))))
        labels = pandas.DataFrame(map(_plain, read_labels(labels_path(corpus))))
        new = ["id", *(name for name in labels if name not in utterances)]
        table = utterances.merge(labels[new], on="id", how="left")
        if head is None:
            return table
        return table.merge(_predictions(head, corpus), on="id", how="inner")


def load_head(
    head: Where, device: str = "auto", coverage: float | None = None, project: Where = "."
) -> "LoadedHead":
    """A trained head of a project, or the bundle in a folder, ready to predict.

    `device` is ``"auto"`` (a GPU if there is one), ``"cpu"`` or ``"cuda:0"``. With a `coverage`
    such as 0.9, each answer also has a set of classes that contains the true class with that
    probability. Raises ProjectError if there is no such head, or if one of its files has changed.
    """
    from app.devices import chosen_device
    from app.predict.models import read_model
    from app.predict.predictor import Predictor

    if coverage is not None and not 0 < coverage < 1:
        raise ProjectError(f"coverage is {coverage}; it must be between 0 and 1, such as 0.9")
    with _inside(project):
        model = read_model(os.fspath(head))
        return LoadedHead(Predictor(model, chosen_device(device), coverage), Path.cwd())


def predict(
    head: Where,
    files: Where | Sequence[Where] = (),
    text: str | None = None,
    *,
    every_s: float | None = None,
    window_s: float = 4.0,
    project: Where = ".",
) -> "pandas.DataFrame":
    """The answers of a trained head, or of a bundle, for clips: `load_head` and one `predict`."""
    with load_head(head, project=project) as loaded:
        return loaded.predict(files, text, every_s=every_s, window_s=window_s)


class LoadedHead:
    """A trained head with the frozen networks it needs, which are loaded once and stay."""

    def __init__(self, predictor: "Predictor", project: Path) -> None:
        self._predictor, self._project = predictor, project

    @property
    def modalities(self) -> list[str]:
        """What the head reads: ``"text"``, ``"audio"``, ``"video"``."""
        return self._predictor.modalities

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """The classes that are predicted, by measure."""
        return {m.name: m.classes for m in self._predictor.heads.measures if m.classes}

    def predict(
        self,
        files: Where | Sequence[Where] = (),
        text: str | None = None,
        *,
        every_s: float | None = None,
        window_s: float = 4.0,
    ) -> "pandas.DataFrame":
        """A row for each clip, with the columns of ``predict --to OUT.csv``.

        `files` are media files, folders and tables; relative paths start from the current
        folder. `text` is what is said in a single clip. With `every_s` there is one row for every
        `every_s` seconds of each file, each answered from the `window_s` seconds around it. A clip
        that cannot be read is a row with its ``reason``. Raises ProjectError for a path that does
        not exist.
        """
        import pandas

        from app.predict.clips import clips_of
        from app.predict.tables import flat, record_of
        from app.timelines.stretches import Windows, in_windows

        if every_s is not None and not (every_s > 0 and window_s > 0):
            raise ProjectError(f"every_s is {every_s}, window_s {window_s}; both must be above 0")
        named = [files] if isinstance(files, str | os.PathLike) else list(files)
        paths = [Path(file).absolute() for file in named]
        groups = clips_of(paths, text, lambda _: None)
        if every_s is not None:
            groups = [in_windows(clips, Windows(every_s, window_s)) for clips in groups]
        with _inside(self._project):
            rows = [flat(record_of(p)) for clips in groups for p in self._predictor.predict(clips)]
        return pandas.DataFrame(rows)

    def close(self) -> None:
        """End the decoding processes."""
        self._predictor.close()

    def __enter__(self) -> "LoadedHead":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _inside(project: Where) -> Iterator[None]:
    """The project as the current folder, for the paths in its files are relative to it."""
    before = Path.cwd()
    if not Path(project).is_dir():
        raise ProjectError(f"project is {os.fspath(project)!r}, which is not a folder")
    os.chdir(project)
    try:
        yield
    finally:
        os.chdir(before)


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _predictions(head: str, corpus: str) -> "pandas.DataFrame":
    """A row for each line of a run's predictions, its measures side by side."""
    import json

    import pandas

    from features.runs.read import read_as_trained

    if not (RUNS_PATH / head).is_dir():
        runs = sorted(path.name for path in RUNS_PATH.glob("[a-z0-9]*"))
        raise ProjectError(
            f"{RUNS_PATH / head} does not exist; trained heads are {quoted(runs)}."
            f"{did_you_mean(head, runs)}"
        )
    run = read_as_trained(RUNS_PATH / head, ["predictions.jsonl"])
    trained_on = run.record["head"]["corpus"]
    if trained_on != corpus:
        raise ProjectError(f"the head {head!r} was trained on {trained_on!r}, not on {corpus!r}")
    lines = run.contents["predictions.jsonl"]
    rows = []
    for line in lines.splitlines():
        record = json.loads(line)
        row = {name: record.pop(name) for name in ("id", "fold", "seed")}
        row["predicted_split"] = record.pop("split")
        for measure, answer in record.items():
            row[f"{measure}_predicted"] = answer["predicted"]
            for name, share in answer.get("probabilities", {}).items():
                row[f"{measure}_{name}"] = share
        rows.append(row)
    return pandas.DataFrame(rows)
