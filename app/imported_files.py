"""Files of features below the folder of a corpus, noted in its manifest, by which DVC sees them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from features.foreign.decode import path_digest
from features.manifest import FeatureFile, Utterance
from features.params.load import Params

# Before the name of a backbone; no name in params.yaml has a blank.
KEY = "imported"


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
        # As they are written: a link in the folder of the corpus is in it, wherever it leads.
        place, top = Path(path).absolute(), root.absolute()
        if place.exists() and place.is_relative_to(top):
            relative = place.relative_to(top).as_posix()
            files[f"{KEY} {track.backbone}"] = FeatureFile(relative, path_digest(place))
    if not files:
        return list(utterances)
    return [replace(each, features={**each.features, **files}) for each in utterances]
