"""Clips that may be embedded in a page: those of corpora whose licence lets one share them."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from features.leaves import leaf_constant
from features.manifest import Utterance
from features.params.load import Params

MAX_RATE_HZ = 16_000


class Clip(NamedTuple):
    """A clip as a data URL, and whose it is, under which licence."""

    address: str
    shared_under: str


@contextmanager
def sounds_to_embed(params: Params) -> Iterator[Callable[[str, Utterance], Clip | None]]:
    """Yields a function that gives the clip of an utterance of a corpus.

    It gives None if the licence of the corpus does not allow sharing its clips, if there is no
    audio, or if the media libraries are not installed.
    """
    try:
        from app.corpora.sound import NoSound, Sound, Sounds
    except ImportError:
        yield lambda _, __: None
        return
    licences = {
        name: leaf_constant("extract/corpora", corpus.leaf.code, "SHARED_UNDER", None)
        for name, corpus in params.corpora.items()
    }
    by_corpus = {
        name: Sounds(corpus, params.extract)
        for name, corpus in params.corpora.items()
        if licences[name]
    }
    decoded: dict[tuple[str, str], Sound | NoSound] = {}

    def clip(corpus: str, utterance: Utterance) -> Clip | None:
        if corpus not in by_corpus:
            return None
        key = corpus, utterance.id
        if key not in decoded:
            decoded[key] = by_corpus[corpus].of(utterance, MAX_RATE_HZ)
        sound = decoded[key]
        if isinstance(sound, NoSound):
            return None
        address = f"data:audio/flac;base64,{b64encode(sound.flac).decode()}"
        return Clip(address, licences[corpus])

    try:
        yield clip
    finally:
        for sounds in by_corpus.values():
            sounds.close()
