"""Utterances that are known to be unusable: params.yaml adds some and lifts others."""

from collections.abc import Sequence
from dataclasses import replace

from features.errors import did_you_mean, raise_all
from features.manifest import Utterance
from features.specs.tracks import CorpusSpec


def with_known_bad(spec: CorpusSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances with `known_bad` of the corpus's settings added and `use_anyway` lifted.

    Raises ProjectError for ids that the corpus does not have, and for lifting one that is not
    known to be bad.
    """
    reasons = {u.id: u.known_bad for u in utterances}
    where = f"params.yaml: corpora.{spec.name}"
    problems = [
        f"{where}.{setting} names {name!r}, which the corpus does not have."
        + did_you_mean(name, reasons)
        for setting, names in (("known_bad", spec.known_bad), ("use_anyway", spec.use_anyway))
        for name in names
        if name not in reasons
    ]
    problems += [
        f"{where}.use_anyway names {name!r}, which is not known to be bad; leave it out"
        for name in spec.use_anyway
        if name in reasons and reasons[name] is None and name not in spec.known_bad
    ]
    raise_all(problems, where)
    reasons.update(spec.known_bad)
    reasons.update(dict.fromkeys(spec.use_anyway))
    return [
        u if u.known_bad == reasons[u.id] else replace(u, known_bad=reasons[u.id])
        for u in utterances
    ]
