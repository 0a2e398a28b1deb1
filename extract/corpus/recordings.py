"""Recordings that a corpus has twice, under two ids."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from features.errors import and_more
from features.manifest import Label, Utterance
from features.specs.tracks import CorpusSpec

NUM_NAMED = 5


def recorded_twice(utterances: Sequence[Utterance]) -> dict[str, str]:
    """For utterances whose recording occurs more than once: their id, and the first id with it.

    Two recordings are the same if they have the bytes of an audio or a video file, the stretch that
    is used, and the channel or the part of the frame in common. Equal texts do not count, nor do
    media that are known to be unusable.
    """
    firsts: dict[Hashable, str] = {}
    leaders: dict[str, str] = {}

    def lead(name: str) -> str:
        while leaders.setdefault(name, name) != name:
            name = leaders[name]
        return name

    for utterance in utterances:
        for recording in _recordings(utterance):
            first = lead(firsts.setdefault(recording, utterance.id))
            leaders[lead(utterance.id)] = first
    groups: dict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        groups[lead(utterance.id)].append(utterance.id)
    return {name: names[0] for names in groups.values() if len(names) > 1 for name in names}


def _recordings(utterance: Utterance) -> list[Hashable]:
    if utterance.known_bad is not None:
        return []
    start_s, end_s = utterance.video_stretch
    recordings: list[Hashable] = []
    if utterance.audio_digest is not None:
        times = (utterance.start_s or 0.0, utterance.end_s, utterance.segments)
        recordings.append(("audio", utterance.audio_digest, *times, utterance.audio_channel))
    if utterance.video_digest is not None:
        times = (start_s or 0.0, end_s, utterance.segments)
        recordings.append(("video", utterance.video_digest, *times, utterance.video_box))
    return recordings


def with_recordings(
    spec: CorpusSpec, utterances: Sequence[Utterance], labels: Sequence[Label]
) -> tuple[list[Label], list[str]]:
    """The labels with `recording` set where one occurs twice, and a note on those.

    Where `duplicates` is ``allowed`` the labels stay as they are, so that no protocol refuses them.
    """
    firsts = recorded_twice(utterances)
    if not firsts:
        return list(labels), []
    ids_by_first: dict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        if utterance.id in firsts:
            ids_by_first[firsts[utterance.id]].append(utterance.id)
    named = [and_more(ids, NUM_NAMED, " = ") for ids in ids_by_first.values()]
    note = (
        f"{len(named)} recordings occur under several ids (equal bytes, equal stretch): "
        f"{and_more(named, NUM_NAMED)}"
    )
    if spec.duplicates == "allowed":
        return list(labels), [f"{note}; duplicates are allowed"]
    note += "; heads refuse them in two splits, or under two speakers who must be kept apart"
    return [replace(label, recording=firsts.get(label.id)) for label in labels], [note]
