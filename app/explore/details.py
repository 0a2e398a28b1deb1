"""Everything that the page shows of one utterance, as plain JSON."""

from collections.abc import Mapping
from typing import Any

from app.corpora.sound import NoSound, Sound
from app.explore.corpus import Corpus
from app.explore.heads import ExploredHead
from app.explore.steps import DIGITS, rounded, step_weights_drawn
from app.explore.video import video_of
from features.errors import ProjectError
from features.manifest import Label, Utterance
from train.attribution.decision import Decision

# Around the utterance, where a dialogue is longer.
NUM_TURNS = 40


def details(corpus: Corpus, row: int) -> dict[str, Any]:
    """The utterance in a row of the manifest: where its clip is, and what each head makes of it."""
    utterance = corpus.utterances[row]
    sound = corpus.sounds.of(utterance)
    duration_s = sound.duration_s if isinstance(sound, Sound) else utterance.duration_s
    return {
        "id": utterance.id,
        "text": utterance.text,
        "about": _about(utterance, corpus.labels[row]),
        "duration_s": None if duration_s is None else round(duration_s, DIGITS),
        "audio": _audio(sound, row),
        "video": video_of(corpus, row),
        "tracks": {name: {"reason": corpus.reason(name, utterance)} for name in corpus.stores},
        "heads": [_head(head, utterance, duration_s) for head in corpus.heads],
        "dialogue": _dialogue(corpus, row),
    }


def swapped(corpus: Corpus, row: int, other: int, name: str) -> dict[str, Any]:
    """By measure, the share of each modality in the change from another utterance's decision."""
    head = next((head for head in corpus.heads if head.name == name), None)
    if head is None:
        raise ProjectError(f"there is no head {name!r}")
    one, two = corpus.utterances[row].id, corpus.utterances[other].id
    if one not in head.places:
        raise ProjectError(f"{name} did not predict {one!r}; it is not in its dev or test set")
    return {measure: _decision(own) for measure, own in head.swapped(one, two).items()}


def _about(utterance: Utterance, label: Label) -> dict[str, Any]:
    """Who speaks when, and what the corpus says of it."""
    names = ("speaker", "session", "dialogue", "turn", "start_s", "end_s", "known_bad")
    own = {name: getattr(utterance, name) for name in names}
    files = {"audio": utterance.audio, "video": utterance.video}
    return {
        name: value
        for name, value in {"split": label.split, **own, **files}.items()
        if value is not None
    }


def _audio(sound: Sound | NoSound, row: int) -> dict[str, Any]:
    if isinstance(sound, NoSound):
        return {"reason": sound.reason}
    return {"source": f"media/{row}.flac", "peaks": sound.peaks}


def _head(head: ExploredHead, utterance: Utterance, duration_s: float | None) -> dict[str, Any]:
    """What a head predicted for it by seed, and why; only the head's name if it did not."""
    predicted = head.predicted(utterance.id)
    if predicted is None:
        return {"name": head.name}
    place = head.places[utterance.id]
    shown = {
        "name": head.name,
        "split": place.split,
        "fold": place.fold,
        "predicted": {name: rounded(values) for name, values in predicted.items()},
    }
    try:
        weights = head.step_weights(utterance.id)
        decisions = head.decisions(utterance.id)
    except ProjectError as error:
        return {**shown, "steps": {}, "shares": {}, "reason": str(error)}
    return {
        **shown,
        "steps": {
            modality: step_weights_drawn(head.stores[modality], utterance, duration_s, own)
            for modality, own in weights.items()
        },
        "shares": {measure: _decision(own) for measure, own in decisions.items()},
    }


def _decision(decision: Decision) -> dict[str, Any]:
    shares: Mapping[str, float] = decision.shares
    return {
        "label": decision.label,
        "base": round(decision.base, DIGITS),
        "value": round(decision.value, DIGITS),
        "shares": {name: round(share, DIGITS) for name, share in shares.items()},
    }


def _dialogue(corpus: Corpus, row: int) -> list[int]:
    """The rows of the utterances around it in its dialogue, in the order of talk."""
    name = corpus.labels[row].dialogue
    if name is None:
        return []
    ordered = corpus.dialogues[name]
    first = max(0, ordered.index(row) - NUM_TURNS // 2)
    return ordered[first : first + NUM_TURNS]
