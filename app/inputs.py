"""Opens what heads are trained and tested on: cached tracks and labels."""

from pathlib import Path

from app.paths import RUNS_PATH, labels_path
from features.manifest import Label, read_labels
from features.runs.read import read_run
from features.runs.staleness import Sources, present_sources
from features.specs.heads import AnyHead
from features.specs.tracks import store_path
from features.store.reader import Store


def open_inputs(head: AnyHead, corpus: str) -> dict[str, Store]:
    """The stores of a corpus that a head reads, by modality."""
    from train.data.dataset import open_stores

    backbones = head.used_inputs
    return open_stores({m: store_path(corpus, backbone) for m, backbone in backbones.items()})


def load_labels(corpus: str) -> list[Label]:
    """The labels of a corpus, as the stage `manifest` wrote them."""
    return read_labels(labels_path(corpus))


def sources_of(head: AnyHead, corpus: str, first: Path | None = None) -> Sources:
    """What a head would be trained, or tested, on now; `first` is the run it starts from."""
    stores = {m: store_path(corpus, backbone) for m, backbone in head.used_inputs.items()}
    return present_sources(labels_path(corpus), stores, first)


def refuse_unusable(head: AnyHead) -> None:
    """Raise UnusableRunError where the run of a head is missing, damaged or stale."""
    first = RUNS_PATH / head.needs if head.needs else None
    read_run(RUNS_PATH / head.name, head, sources_of(head, head.corpus, first))
