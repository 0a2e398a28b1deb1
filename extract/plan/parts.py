"""Cuts a manifest into parts and gives each the key under which it is kept."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from features.files import digest_json
from features.manifest import Utterance


@dataclass(frozen=True)
class PlannedPart:
    """Neighbouring utterances, the digest of each one's input, and the part's key."""

    key: str
    utterances: tuple[Utterance, ...]
    inputs: tuple[str, ...]


def plan_parts(
    manifest: Sequence[Utterance],
    modalities: Sequence[str],
    recipe: str,
    utterances_per_part: float,
    context_strings: Mapping[str, tuple[str, ...]],
) -> list[PlannedPart]:
    """The parts of a store, in manifest order.

    A key digests the recipe hash and, per utterance, its id and everything that is read for
    the modalities, with the strings of its context: the same key always stands for the same bytes.
    """
    cuts = [0, *borders(manifest, utterances_per_part), len(manifest)]
    parts = []
    for start, end in pairwise(cuts):
        utterances = tuple(manifest[start:end])
        inputs = tuple(
            digest_json([*map(utterance.source, modalities), context_strings.get(utterance.id, ())])
            for utterance in utterances
        )
        ids_and_inputs = [[u.id, digest] for u, digest in zip(utterances, inputs, strict=True)]
        key = digest_json([recipe, ids_and_inputs])[:32]
        parts.append(PlannedPart(key, utterances, inputs))
    return parts


def borders(manifest: Sequence[Utterance], utterances_per_part: float) -> list[int]:
    """The positions at which a part begins, the first part's left out.

    A border falls before a dialogue (or an utterance without one) whose id has the least hash
    among all that begin within half a part's size of it, on either side. So borders depend on
    the neighbourhood alone: a change elsewhere in the corpus moves none of them.
    """
    starts = [
        position
        for position, utterance in enumerate(manifest)
        if position == 0
        or utterance.dialogue is None
        or utterance.dialogue != manifest[position - 1].dialogue
    ]
    hashes = [_hash(manifest[start].dialogue or manifest[start].id) for start in starts]
    reach = utterances_per_part / 2
    return [start for n, start in enumerate(starts) if n and _has_least(n, starts, hashes, reach)]


def _has_least(number: int, starts: Sequence[int], hashes: Sequence[bytes], reach: float) -> bool:
    """Whether the dialogue of that number has the least hash among its neighbours."""
    for step in (-1, 1):
        neighbour = number + step
        while 0 <= neighbour < len(starts) and abs(starts[neighbour] - starts[number]) <= reach:
            if hashes[neighbour] < hashes[number]:
                return False
            neighbour += step
    return True


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
