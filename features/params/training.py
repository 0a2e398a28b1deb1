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
    parameters = training_parameters()
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
    faults = [
        *_difficulty_faults(training),
        *_schedule_faults(training, settings["dropout"]),
        *_task_faults(training, settings),
    ]
    entries.problems += [f"{where}.{fault}" for fault in faults]
    return training


def training_parameters() -> list[Parameter]:
    """The settings of a training."""
    return [_loosened(p) for p in dataclass_parameters(TrainingSpec)]


def _loosened(parameter: Parameter) -> Parameter:
    """A mapping within the training may hold anything here; it is bound on its own."""
    is_nested = parameter.name in (*NESTED, "augment")
    return replace(parameter, hint=Any) if is_nested else parameter


def _augment(
    entries: Entries, where: str, settings_by_modality: Any, modalities: Sequence[str]
) -> dict[str, AugmentSpec]:
    if not isinstance(settings_by_modality, Mapping):
        entries.problems.append(
            f"{where} is {settings_by_modality!r}; it must map modalities to settings"
        )
        return {}
    specs = {}
    for name, settings in settings_by_modality.items():
        if name not in MODALITIES:
            entries.note_unknown(f"{where} names {name!r}", str(name), MODALITIES, "modalities")
        elif name not in modalities:
            entries.problems.append(f"{where} names {name!r}, which the inputs switch off")
        elif values := bind(
            f"{where}.{name}", settings, dataclass_parameters(AugmentSpec), entries.problems
        ):
            specs[name] = AugmentSpec(**values)
            if values["missing"] and len(modalities) == 1:
                entries.problems.append(
                    f"{where}.{name}.missing is {values['missing']:g}, but the head has no other "
                    "modality; leave it out"
                )
    return specs


def _difficulty_faults(training: TrainingSpec) -> list[str]:
    """Where difficulty, curriculum and weights of the loss contradict each other."""
    faults = []
    is_used = training.curriculum is not None or training.scale_loss > 0
    if is_used and training.difficulty == "none":
        faults.append(
            "difficulty is 'none', but curriculum and scale_loss need one; choose 'vad', "
            "'class-frequency' or 'first-model'"
        )
    if not is_used and training.difficulty != "none":
        faults.append(
            f"difficulty is {training.difficulty!r}, but nothing uses it; set curriculum or "
            "scale_loss, or leave it out"
        )
    if training.curriculum is not None and training.curriculum.epochs >= training.epochs:
        faults.append(
            f"curriculum.epochs is {training.curriculum.epochs}, but there are only "
            f"{training.epochs} epochs; lower it, or the whole training split is never used"
        )
    return faults


def _schedule_faults(training: TrainingSpec, dropout: float) -> list[str]:
    """Where warm-up and dropout do not fit the schedule, the epochs or the head's `dropout`."""
    faults = []
    if training.warmup_epochs and training.schedule not in ("constant", "cosine"):
        faults.append(
            f"warmup_epochs is {training.warmup_epochs:g}, but the schedule "
            f"{training.schedule!r} has no warm-up; use 'constant' or 'cosine'"
        )
    if training.warmup_epochs > training.epochs:
        faults.append(
            f"warmup_epochs is {training.warmup_epochs:g}, but there are only {training.epochs} "
            "epochs; lower it"
        )
    later = training.raise_dropout
    if later is not None and later.after >= training.epochs:
        faults.append(
            f"raise_dropout.after is {later.after}, but there are only {training.epochs} epochs; "
            "lower it"
        )
    if later is not None and later.to < dropout:
        faults.append(
            f"raise_dropout.to is {later.to:g}; it must be at least the dropout of the head, "
            f"{dropout:g}"
        )
    return faults


def _task_faults(training: TrainingSpec, settings: Mapping[str, Any]) -> list[str]:
    """Settings that need tasks which the head does not have."""
    tasks = [name for name in settings["tasks"] if name in leaf_names("train/tasks")]
    kinds = [leaf_constant("train/tasks", name, "KIND") for name in tasks]
    faults = []
    if training.difficulty != "none" and set(kinds) == {"pairs"}:
        faults.append(
            f"difficulty is {training.difficulty!r}, but pairs have no difficulty; add a task "
            "with classes or numbers, or leave it out"
        )
    elif training.difficulty in ("vad", "class-frequency") and kinds and "classes" not in kinds:
        faults.append(
            f"difficulty is {training.difficulty!r}, which needs a task with classes; choose "
            "'first-model'"
        )
    if training.task_weights == "uncertainty" and len(tasks) == 1:
        faults.append("task_weights is 'uncertainty', but there is only one task; leave it out")
    return faults
