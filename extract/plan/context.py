"""What is read beside an utterance: earlier turns, or its place in a file that several share."""

from collections import Counter
from collections.abc import Mapping, Sequence

from extract.media.text import context_texts
from extract.network.backbone import Reading
from features.manifest import MODALITIES, Utterance

# By utterance id: the texts of earlier turns; or place and number of those that share the file.
Beside = Mapping[str, tuple[str, ...]]


def beside(manifest: Sequence[Utterance], reading: Reading) -> Beside:
    """What a backbone reads beside each utterance; part of the part's key."""
    name = reading.modalities[0]
    if name in MODALITIES:
        return context_texts(manifest, reading.context_turns)
    paths = [u.features[name].path if name in u.features else None for u in manifest]
    sharing, places = Counter(paths), Counter[str | None]()
    found: dict[str, tuple[str, ...]] = {}
    for utterance, path in zip(manifest, paths, strict=True):
        own = utterance.features[name].row if name in utterance.features else None
        place = places[path] if own is None else own
        found[utterance.id] = (str(place), str(sharing[path]))
        places[path] += 1
    return found
