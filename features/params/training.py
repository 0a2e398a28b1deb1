"""Reads how a head is trained, and refuses settings that contradict each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from features.binding import Parameter, bind, dataclass_parameters
from features.leaves import leaf_constant, leaf_names
from features.manifest import MODALITIES
from features.params.entries import Entries
from features.specs.training import (
    AugmentSpec,
    CurriculumSpec,
    RaiseDropoutSpec,
    TrainingSpec,
)

NESTED = {"curriculum": CurriculumSpec, "raise_dropout": RaiseDropoutSpec}


def read_training(
    entries: Entries, head: str, settings: Mapping[str, Any], modalities: Sequence[str]
) -> TrainingSpec | None:
    """The training of the head at `head`, with its other settings and modalities switched on."""
    where = f"{head}.training"
    parameters = [_loosened(p) for p in dataclass_parameters(TrainingSpec)]
    values = bind(where, settings["training"], parameters, entries.problems)
    if values is None:
        return None
    before = len(entries.problems)
    for name, spec in NESTED.items():
        if values[name] is not None:
            inner = bind(
                f"{where}.{name}", values[name], dataclass_parameters(spec), entries.problems
            )
            values[name] = None if inner is None else spec(**inner)
    values["augment"] = _augment(entries, f"{where}.augment", values["augment"], modalities)
    if len(entries.problems) > before:
        return None
    training = TrainingSpec(**values)
    faults = [*_contradictions(training, settings["dropout"]), *_lacking(training, settings)]
    entries.problems += [f"{where}.{fault}" for fault in faults]
    return training


def _loosened(parameter: Parameter) -> Parameter:
    """Mappings within the training are bound on their own."""
    loose = parameter.name in (*NESTED, "augment")
    return replace(parameter, hint=Any) if loose else parameter


def _augment(
    entries: Entries, where: str, given: Any, modalities: Sequence[str]
) -> dict[str, AugmentSpec]:
    if not isinstance(given, Mapping):
        entries.problems.append(f"{where} is {given!r}; it must map modalities to settings")
        return {}
    found = {}
    for name, settings in given.items():
        if name not in MODALITIES:
            entries.unknown(f"{where} names {name!r}", str(name), MODALITIES, "modalities")
        elif name not in modalities:
            entries.problems.append(f"{where} names {name!r}, which the inputs switch off")
        elif inner := bind(
            f"{where}.{name}", settings, dataclass_parameters(AugmentSpec), entries.problems
        ):
            found[name] = AugmentSpec(**inner)
            if inner["missing"] and len(modalities) == 1:
                entries.problems.append(
                    f"{where}.{name}.missing is {inner['missing']:g}, and the head has no other "
                    "modality; leave it out"
                )
    return found


def _lacking(training: TrainingSpec, settings: Mapping[str, Any]) -> list[str]:
    """Settings that need other tasks than the head has."""
    known = [name for name in settings["tasks"] if name in leaf_names("train/tasks")]
    kinds = [leaf_constant("train/tasks", name, "KIND") for name in known]
    found = []
    if training.difficulty != "none" and set(kinds) == {"pairs"}:
        found.append(
            f"difficulty is {training.difficulty!r}, and pairs have none; add a task with "
            "classes or numbers, or leave it out"
        )
    elif training.difficulty in ("vad", "class-frequency") and kinds and "classes" not in kinds:
        found.append(
            f"difficulty is {training.difficulty!r}, which needs a task with classes; choose "
            "'first-model'"
        )
    if training.task_weights == "uncertainty" and len(known) == 1:
        found.append("task_weights is 'uncertainty', and there is one task; leave it out")
    return found


def _contradictions(training: TrainingSpec, dropout: float) -> list[str]:
    """Settings that cannot both be meant."""
    found = []
    used = training.curriculum is not None or training.scale_loss > 0
    if used and training.difficulty == "none":
        found.append(
            "difficulty is 'none', and curriculum or scale_loss need one; choose 'vad', "
            "'class-frequency' or 'first-model'"
        )
    if not used and training.difficulty != "none":
        found.append(
            f"difficulty is {training.difficulty!r}, and nothing uses it; set curriculum or "
            "scale_loss, or leave it out"
        )
    if training.curriculum is not None and training.curriculum.epochs >= training.epochs:
        found.append(
            f"curriculum.epochs is {training.curriculum.epochs}, and there are "
            f"{training.epochs} epochs; the whole training part would never be used"
        )
    if training.warmup_epochs and training.schedule not in ("constant", "cosine"):
        found.append(
            f"warmup_epochs is {training.warmup_epochs:g}, and the schedule "
            f"{training.schedule!r} takes none; use 'constant' or 'cosine'"
        )
    if training.warmup_epochs > training.epochs:
        found.append(
            f"warmup_epochs is {training.warmup_epochs:g}, and there are {training.epochs} epochs"
        )
    later = training.raise_dropout
    if later is not None and later.after >= training.epochs:
        found.append(
            f"raise_dropout.after is {later.after}, and there are {training.epochs} epochs"
        )
    if later is not None and later.to < dropout:
        found.append(
            f"raise_dropout.to is {later.to:g}, below the dropout of the head, {dropout:g}"
        )
    return found
