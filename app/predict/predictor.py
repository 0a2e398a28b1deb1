"""Answers for clips: frozen networks and trained heads, loaded once."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bundles.read import Model
from app.predict.clips import Cell, Clips
from app.predict.loading import loaded_backbone, readable, refuse_ready_made, tuned_networks
from extract.fill.direct import NOT_READ, DirectEncoder, DirectTrack
from extract.network.compute import Compute
from features.manifest import BY_ID, Label, Utterance
from features.runs.restored import restored_extraction
from features.store.index import FAILURES
from train.apply.answers import Answer, Answering
from train.apply.trained import TrainedHeads
from train.data.standardise import Standardising

if TYPE_CHECKING:
    import torch

# Utterances that are read and answered at a time, at least, where dialogues allow it.
BLOCK = 64


@dataclass(frozen=True)
class Prediction:
    """The answers for one clip, by task, or why there are none.

    `file` is None where the clip is words alone. `reason` is ``ok``, or a code as in a store.
    `missing` are the modalities that the head reads and this clip does not have. `each` are the
    answers of every fold and seed, where they were asked for. `cell` is the part of a recording
    that the answer stands for, in seconds; None where it was not cut.
    """

    utterance: Utterance
    file: str | None = None
    answers: Answer = field(default_factory=dict)
    reason: str = "ok"
    detail: str = ""
    missing: tuple[str, ...] = ()
    each: tuple[dict[str, Any], ...] = ()
    cell: Cell | None = None


class Predictor(ExitStack):
    """The heads of a model and the networks that it needs; use it as a context.

    Networks are loaded when the first clip has what they read. With a `coverage` classes come with
    the set that holds the true one that often; with `each` the answers of single heads are kept.
    """

    def __init__(
        self,
        model: Model,
        device: "torch.device",
        coverage: float | None = None,
        each: bool = False,
    ) -> None:
        super().__init__()
        self.model, self.device, self.each = model, device, each
        with readable(model):
            self.spec, self.backbones = restored_extraction(model.record["extraction"])
            networks = tuned_networks(model, self.backbones)
            self.heads = TrainedHeads(model.record, model.weights, networks)
            self.answering = Answering(self.heads, model.calibration, coverage)
        refuse_ready_made(model.name, self.backbones)
        if device.type != "cuda" and self.spec.compute != "float32":
            # A GPU's fast formats are not those of a CPU, which computes more exactly.
            self.spec = replace(self.spec, compute="float32")
        self.encoders: dict[str, DirectEncoder] = {}
        self.standardised: dict[str, Standardising] = {}

    @property
    def modalities(self) -> list[str]:
        """What the heads read, in order."""
        return list(self.heads.shapes)

    def predict(self, clips: Clips) -> Iterator[Prediction]:
        """The prediction of each clip, in their order; whole dialogues are answered together."""
        by_speaker = "speaker" in self.heads.spec.standardise.values()
        for rows in _blocks(clips.labels, ("dialogue", "speaker") if by_speaker else ("dialogue",)):
            utterances = [clips.utterances[row] for row in rows]
            labels = [clips.labels[row] for row in rows]
            answered = self._block(clips.root, utterances, labels)
            for row, prediction in zip(rows, answered, strict=True):
                yield replace(prediction, file=clips.files[row], cell=clips.cells[row])

    def _block(
        self, root: Path, utterances: Sequence[Utterance], labels: Sequence[Label]
    ) -> Iterator[Prediction]:
        tracks = {m: self._tracks(m, root, utterances) for m in self.modalities}
        faults = [_fault([tracks[m][row] for m in tracks]) for row in range(len(utterances))]
        rows = [row for row, fault in enumerate(faults) if fault is None]
        answered = dict(zip(rows, self._answers(labels, tracks, rows), strict=True))
        for row, utterance in enumerate(utterances):
            fault = faults[row]
            if fault is not None:
                absent = f"it has no {' and no '.join(tracks)}"
                detail = absent if fault.reason == "absent" else fault.detail
                yield Prediction(utterance, reason=fault.reason, detail=detail)
                continue
            missing = tuple(m for m in tracks if tracks[m][row].values is None)
            answers, each = answered[row]
            yield Prediction(utterance, answers=answers, missing=missing, each=each)

    def _answers(
        self,
        labels: Sequence[Label],
        tracks: Mapping[str, Sequence[DirectTrack]],
        rows: Sequence[int],
    ) -> list[tuple[Answer, tuple[dict[str, Any], ...]]]:
        if not rows:
            return []
        chosen = [labels[row] for row in rows]
        values = {m: [own[row].values for row in rows] for m, own in tracks.items()}
        predictions = self.heads.predict(chosen, values)
        for modality, counts in self.heads.num_standardised(chosen, values).items():
            before = self.standardised.get(modality, Standardising(0, 0, 0))
            self.standardised[modality] = Standardising(*map(sum, zip(before, counts, strict=True)))
        together = self.answering.together(chosen, predictions)
        if not self.each:
            return [(answer, ()) for answer in together]
        singles = [self.answering.single(chosen, one) for one in predictions]
        heads = list(zip(self.heads.folds, self.heads.seeds, strict=True))
        return [
            (
                answer,
                tuple(
                    {"fold": fold, "seed": seed, **single[place]}
                    for (fold, seed), single in zip(heads, singles, strict=True)
                ),
            )
            for place, answer in enumerate(together)
        ]

    def _tracks(
        self, modality: str, root: Path, utterances: Sequence[Utterance]
    ) -> Sequence[DirectTrack]:
        spec = self.backbones[modality]
        if spec.reads == BY_ID:
            detail = f"the tracks of {spec.name!r} come from a file, which has no new clips"
            return [DirectTrack(None, "absent", detail)] * len(utterances)
        if all(utterance.source(spec.reads) is None for utterance in utterances):
            return [DirectTrack(None, "absent", f"it has no {spec.reads}")] * len(utterances)
        return self._encoder(modality).tracks(root, utterances)

    def _encoder(self, modality: str) -> DirectEncoder:
        if modality not in self.encoders:
            spec, compute = self.backbones[modality], Compute.of(self.spec, self.device)
            backbone = loaded_backbone(self.model, modality, spec, compute)
            encoder = DirectEncoder(backbone, self.spec, compute)
            self.encoders[modality] = self.enter_context(encoder)
        return self.encoders[modality]

    def load(self) -> None:
        """Load every network now."""
        for modality in self.modalities:
            self._encoder(modality)

    def limit(self, max_seconds: float, max_bytes: int) -> None:
        """Refuse clips that are longer or larger than this; the head's own limits still apply."""
        self.spec = replace(
            self.spec,
            max_duration_s=min(max_seconds, self.spec.max_duration_s),
            max_media_bytes=min(max_bytes, self.spec.max_media_bytes),
        )

    def interrupt(self) -> None:
        """End what another thread decodes; its call fails. Call `restart` when it has ended."""
        for encoder in self.encoders.values():
            encoder.child.interrupt()

    def restart(self) -> None:
        """Have the next clip decoded by new processes."""
        for encoder in self.encoders.values():
            encoder.child.close()


def _fault(tracks: Sequence[DirectTrack]) -> DirectTrack | None:
    """Why a clip gets no answer: a file that cannot be read, or nothing that the heads read."""
    failed = [track for track in tracks if track.reason in (*FAILURES, "known-bad", NOT_READ)]
    if failed:
        return failed[0]
    return tracks[0] if all(track.values is None for track in tracks) else None


def _blocks(labels: Sequence[Label], fields: Sequence[str]) -> Iterator[list[int]]:
    """The rows in order, in blocks that have whole dialogues (and, if named, whole speakers)."""
    rows: list[int] = []
    last = {
        (field, name): row
        for row, label in enumerate(labels)
        for field in fields
        if (name := getattr(label, field)) is not None
    }
    reach = -1
    for row, label in enumerate(labels):
        rows.append(row)
        reach = max(reach, *(last.get((name, getattr(label, name)), row) for name in fields))
        if len(rows) >= BLOCK and row >= reach:
            yield rows
            rows = []
    if rows:
        yield rows


def say_standardised(standardised: Mapping[str, Standardising]) -> None:
    """Say on the standard error by whose mean and deviation tracks were standardised."""
    for modality, (speakers, by_speaker, by_corpus) in standardised.items():
        print(
            f"{modality} is standardised by speaker: {by_speaker} clips (of {speakers} "
            f"speakers with several) by the speaker, {by_corpus} others by the training split",
            file=sys.stderr,
        )


def say_missing(
    predictions: Sequence[Prediction], modalities: Sequence[str], with_sets: bool
) -> None:
    """Print to standard error how many clips lack a modality, and what it means for the sets."""
    answered = [prediction for prediction in predictions if prediction.reason == "ok"]
    for modality in modalities:
        count = sum(modality in prediction.missing for prediction in answered)
        if count:
            print(
                f"{modality} is missing in {count} of {len(answered)} clips; the head answers "
                "from what is there",
                file=sys.stderr,
            )
    if with_sets and any(prediction.missing for prediction in answered):
        print(
            "the sets of classes were calibrated on the dev set: for clips that lack a modality "
            "they may contain the true class less often than stated",
            file=sys.stderr,
        )
