"""Feature files in the folder of a corpus, noted in its manifest so that DVC sees them change."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from features.foreign.decode import path_digest
from features.manifest import FeatureFile, Utterance
from features.params.load import Params
from features.specs.tracks import TrackSpec

# Before the name of a backbone; no name in params.yaml has a blank.
KEY = "imported"


def with_imported_files(
    params: Params, corpus: str, utterances: Sequence[Utterance]
) -> list[Utterance]:
    """The utterances with the digest of each file that a track imports, by its backbone.

    The stage 'manifest' depends on the folder of the corpus, and extraction on the manifest: so a
    changed file is read again. Files elsewhere are pinned by their digest in params.yaml.
    """
    root = params.corpora[corpus].root
    files = {}
    for track in params.tracks.values():
        path = _imported_path(params, track)
        if track.corpus == corpus and path is not None and _is_below(path, root) and path.exists():
            relative = path.absolute().relative_to(root.absolute()).as_posix()
            files[f"{KEY} {track.backbone}"] = FeatureFile(relative, path_digest(path))
    if not files:
        return list(utterances)
    return [replace(each, features={**each.features, **files}) for each in utterances]


def untracked(params: Params, track: TrackSpec) -> str | None:
    """What to add to params.yaml so that DVC sees a change of the file that a track imports.

    None where it sees it, or nothing is imported.
    """
    path = _imported_path(params, track)
    settings = params.backbones[track.backbone].leaf.options
    if path is None or settings["digest"] or _is_below(path, params.corpora[track.corpus].root):
        return None
    return (
        f"{path} is not in the folder of the corpus, so DVC does not see when it changes; add "
        f"'digest: {path_digest(path)}' to backbones.{track.backbone}"
    )


def _imported_path(params: Params, track: TrackSpec) -> Path | None:
    leaf = params.backbones[track.backbone].leaf
    path = leaf.options.get("path") if leaf.code == "imported" else None
    return None if path is None else Path(path)


def _is_below(path: Path, root: Path) -> bool:
    """By the paths as written: a link in the folder of the corpus counts, wherever it leads."""
    return path.absolute().is_relative_to(root.absolute())
