"""Which file of ready-made features belongs to which utterance: patterns of params.yaml."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import MODALITIES, FeatureFile, Utterance
from features.specs.tracks import CorpusSpec

FIELDS = ("id", "speaker", "session", "dialogue", "audio", "video")


def with_feature_files(spec: CorpusSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances with the files that `corpora.<name>.features` gives them.

    A pattern is a path with fields in braces; `audio` and `video` stand for the name of the
    medium without folder and ending. One without fields is one file for all.
    """
    where = f"params.yaml: corpora.{spec.name}.features"
    for name, pattern in spec.features.items():
        if name in MODALITIES:
            raise ProjectError(f"{where} names {name!r}, which is a modality; give another name")
        _check(f"{where}.{name}", pattern)
    return [
        replace(utterance, features={**utterance.features, **_files(spec.features, utterance)})
        for utterance in utterances
    ]


def _check(where: str, pattern: str) -> None:
    try:
        parts = list(string.Formatter().parse(pattern))
        found = [name for _, name, _, _ in parts if name is not None]
        if any(form or conversion for _, _, form, conversion in parts):
            raise ValueError("fields have no format")
    except ValueError as error:
        raise ProjectError(f"{where} is {pattern!r}, which is no pattern: {error}") from None
    for name in found:
        if name not in FIELDS:
            raise ProjectError(
                f"{where} is {pattern!r}; its fields may be {quoted(FIELDS)}."
                f"{did_you_mean(name, FIELDS)}"
            )


def _files(patterns: Mapping[str, str], utterance: Utterance) -> dict[str, FeatureFile]:
    values = {name: getattr(utterance, name) for name in FIELDS}
    for medium in ("audio", "video"):
        path = values[medium]
        values[medium] = None if path is None else Path(path).stem
    found = {}
    for name, pattern in patterns.items():
        needed = [field for _, field, _, _ in string.Formatter().parse(pattern) if field]
        if all(values[field] is not None for field in needed):
            found[name] = FeatureFile(pattern.format_map(values))
    return found
