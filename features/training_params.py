"""Reads how a head is trained, and refuses settings that contradict each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from features.binding import Parameter, bind, dataclass_parameters
from features.entries import Entries
from features.manifest import MODALITIES
from features.training_specs import (
    AugmentSpec,
    CurriculumSpec,
    RaiseDropoutSpec,
    TrainingSpec,
)

NESTED = {"curriculum": CurriculumSpec, "raise_dropout": RaiseDropoutSpec}


def read_training(
    entries: Entries, where: str, given: Any, dropout: float, modalities: Sequence[str]
) -> TrainingSpec | None:
    """The training of a head with these modalities switched on, and this dropout."""
    values = bind(where, given, [_loosened(p) for p in _parameters()], entries.problems)
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
    entries.problems += [f"{where}.{fault}" for fault in _contradictions(training, dropout)]
    return training


def _parameters() -> list[Parameter]:
    return dataclass_parameters(TrainingSpec)


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
    if training.curriculum is not None and training.curriculum.epochs > training.epochs:
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
