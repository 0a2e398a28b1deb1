"""Opens what heads are trained and tested on: cached tracks and labels."""

from app.paths import labels_path
from features.manifest import Label, read_labels
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
