"""Files of features below the folder of a corpus, noted in its manifest, by which DVC sees them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from features.foreign.decode import path_digest
from features.manifest import FeatureFile, Utterance
from features.params.load import Params


def with_imported_files(
    params: Params, corpus: str, utterances: Sequence[Utterance]
) -> list[Utterance]:
    """The utterances with the digest of each file that a track imports, by its backbone.

    The stage 'manifest' depends on the folder of the corpus, and extraction on the manifest: so a
    changed file is read again. Those in other folders are named by their digest in params.yaml.
    """
    root = params.corpora[corpus].root
    files = {}
    for track in params.tracks.values():
        leaf = params.backbones[track.backbone].leaf
        path = leaf.options.get("path")
        if track.corpus != corpus or leaf.code != "imported" or path is None:
            continue
        place = Path(path).resolve()
        if place.exists() and place.is_relative_to(root.resolve()):
            relative = place.relative_to(root.resolve()).as_posix()
            files[track.backbone] = FeatureFile(relative, path_digest(place))
    if not files:
        return list(utterances)
    return [replace(each, features={**each.features, **files}) for each in utterances]
