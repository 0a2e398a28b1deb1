"""The digests of a corpus's files, and which files are missing."""

from collections.abc import Sequence
from dataclasses import replace

from extract.corpus.paths import files_of
from features.files import digest_file
from features.manifest import Utterance
from features.progress import progress
from features.specs.tracks import CorpusSpec
from features.untrusted.regular import file_fault

NUM_NAMED = 3


def with_digests(spec: CorpusSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances with the digests of their files, None for a file that does not exist."""
    digests: dict[str, str | None] = {}
    paths = {path for utterance in utterances for path in files_of(utterance)}
    for path in progress(sorted(paths), f"{spec.name}: digests", len(paths), "files"):
        file = spec.root / path
        digests[path] = digest_file(file) if file_fault(spec.root, path) is None else None
    return [
        utterance
        if not files_of(utterance)
        else replace(
            utterance,
            audio_digest=digests.get(utterance.audio or ""),
            video_digest=digests.get(utterance.video or ""),
            features={
                name: file._replace(digest=digests[file.path])
                for name, file in utterance.features.items()
            },
        )
        for utterance in utterances
    ]


def missing_files(utterances: Sequence[Utterance]) -> list[str]:
    """One line per kind of file that utterances lack, without those known to be bad."""
    usable = [utterance for utterance in utterances if utterance.known_bad is None]
    kinds = {
        "audio files": [u.audio for u in usable if u.audio and u.audio_digest is None],
        "video files": [u.video for u in usable if u.video and u.video_digest is None],
        "feature files": [
            file.path for u in usable for file in u.features.values() if file.digest is None
        ],
    }
    return [
        f"{len(paths)} {kind} of {len(usable)} utterances "
        f"({100 * len(paths) / len(usable):.1f} %) do not exist: {', '.join(paths[:NUM_NAMED])}"
        + (", ..." if len(paths) > NUM_NAMED else "")
        for kind, paths in kinds.items()
        if paths
    ]
