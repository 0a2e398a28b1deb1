"""Which ready-made feature file belongs to which utterance, by the patterns of params.yaml."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import BY_ID, MODALITIES, FeatureFile, Utterance
from features.specs.tracks import CorpusSpec

FIELDS = ("id", "speaker", "session", "dialogue", "audio", "video")


def with_feature_files(spec: CorpusSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances with the files that `corpora.<name>.features` names.

    A pattern is a path with fields in braces; `audio` and `video` are the name of that file
    without its folder and extension. A pattern without fields is one file for all.
    """
    where = f"params.yaml: corpora.{spec.name}.features"
    for name, pattern in spec.features.items():
        if name in (*MODALITIES, BY_ID):
            raise ProjectError(
                f"{where} names {name!r}, which is already in use; choose another name"
            )
        _check(f"{where}.{name}", pattern)
    if not spec.features:
        return list(utterances)
    return [
        replace(utterance, features={**utterance.features, **_files(spec.features, utterance)})
        for utterance in utterances
    ]


def _check(where: str, pattern: str) -> None:
    try:
        pieces = list(string.Formatter().parse(pattern))
        names = [name for _, name, _, _ in pieces if name is not None]
        if any(form or conversion for _, _, form, conversion in pieces):
            raise ValueError("fields must not have a format")
    except ValueError as error:
        raise ProjectError(f"{where} is {pattern!r}, which is not a pattern: {error}") from None
    for name in names:
        if name not in FIELDS:
            raise ProjectError(
                f"{where} is {pattern!r}; its fields may be {quoted(FIELDS)}."
                f"{did_you_mean(name, FIELDS)}"
            )


def _files(patterns: Mapping[str, str], utterance: Utterance) -> dict[str, FeatureFile]:
    values = {name: getattr(utterance, name) for name in FIELDS}
    for modality in ("audio", "video"):
        path = values[modality]
        values[modality] = None if path is None else Path(path).stem
    files = {}
    for name, pattern in patterns.items():
        fields = [field for _, field, _, _ in string.Formatter().parse(pattern) if field]
        if all(values[field] is not None for field in fields):
            files[name] = FeatureFile(pattern.format_map(values))
    return files
