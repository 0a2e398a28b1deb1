"""Clips that may go into a page which is handed on: those of corpora that may be shared."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from features.leaves import leaf_constant
from features.manifest import Utterance
from features.params.load import Params

MAX_RATE_HZ = 16_000


@contextmanager
def sounds_to_embed(params: Params) -> Iterator[Callable[[str, Utterance], str | None]]:
    """Gives, by corpus and utterance, its clip as an address that holds it.

    None where the licence of the corpus does not let anyone hand on its clips, where there is
    nothing to hear, or where no library for media is installed.
    """
    try:
        from app.corpora.sound import NoSound, Sound, Sounds
    except ImportError:
        yield lambda _, __: None
        return
    by_corpus = {
        name: Sounds(corpus, params.extract)
        for name, corpus in params.corpora.items()
        if leaf_constant("extract/corpora", corpus.leaf.code, "SHARED_UNDER", None)
    }

    decoded: dict[tuple[str, str], Sound | NoSound] = {}

    def address(corpus: str, utterance: Utterance) -> str | None:
        if corpus not in by_corpus:
            return None
        key = corpus, utterance.id
        if key not in decoded:
            decoded[key] = by_corpus[corpus].of(utterance, MAX_RATE_HZ)
        sound = decoded[key]
        if isinstance(sound, NoSound):
            return None
        return f"data:audio/flac;base64,{b64encode(sound.flac).decode()}"

    try:
        yield address
    finally:
        for sounds in by_corpus.values():
            sounds.close()
