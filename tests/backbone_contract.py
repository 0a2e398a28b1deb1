"""Checks the contract of backbones, which is in extract/network/backbone.py."""

import re
from collections.abc import Callable
from typing import Any

import torch

from extract.network.backbone import Reading
from extract.network.compute import CPU
from features.errors import quoted
from features.manifest import MODALITIES
from tests.conformance import windows


def is_count(value: Any) -> bool:
    """Whether a value is a whole number above 0, and not one of NumPy's."""
    return type(value) is int and value > 0


def is_ascending(value: Any) -> bool:
    """Whether a value is a tuple of whole numbers from 0 on, at least one, in ascending order."""
    numbers = type(value) is tuple and all(type(number) is int for number in value)
    return bool(numbers and value and value[0] >= 0 and list(value) == sorted(set(value)))


def is_reading(value: Any) -> bool:
    """Whether a value says what is read of an utterance."""
    return (
        isinstance(value, Reading)
        and type(value.modalities) is tuple
        and len(value.modalities) > 0
        and all(isinstance(name, str) for name in value.modalities)
        and type(value.context_turns) is int
        and value.context_turns >= 0
    )


Check = tuple[Callable[[Any], bool], str]
COUNT: Check = (is_count, "a whole number above 0")
METHOD: Check = (callable, "a function")
# By attribute, what its value must be.
CHECKS: dict[str, Check] = {
    "modality": (lambda value: value in MODALITIES, f"one of {quoted(MODALITIES)}"),
    "dim": COUNT,
    "layers": (is_ascending, "a tuple of layer numbers, at least one, ascending"),
    "version": COUNT,
    "weights_digest": (
        lambda value: isinstance(value, str) and re.fullmatch("([0-9a-f]{64})?", value) is not None,
        "64 hexadecimal digits, or '' where there are no weights",
    ),
    "rate_hz": (
        lambda value: value is None or (type(value) in (int, float) and value > 0),
        "a number above 0, or None",
    ),
    "first_step_s": (
        lambda value: value is None or (type(value) in (int, float) and value >= 0),
        "a number from 0 on, or None",
    ),
    "reading": (is_reading, "a Reading of at least one modality"),
    "nominal_steps": COUNT,
    "budget": COUNT,
    "prepare": METHOD,
    "cost": METHOD,
    "encode": METHOD,
}


def contract_violations(backbone: Any) -> list[str]:
    """Every way in which a backbone breaks the contract `Backbone` of extract/network."""
    violations = []
    for name, (check, requirement) in CHECKS.items():
        if not hasattr(backbone, name):
            violations.append(f"{name} is missing; it must be {requirement}")
        elif not check(getattr(backbone, name)):
            value = getattr(backbone, name)
            violations.append(f"{name} is {value!r}; it must be {requirement}")
    if not violations:
        violations += _consistency_violations(backbone)
    return violations or _method_violations(backbone)


def _consistency_violations(backbone: Any) -> list[str]:
    """Attributes that do not go together."""
    violations = []
    rate_hz, first_step_s = backbone.rate_hz, backbone.first_step_s
    if (rate_hz is None) != (first_step_s is None):
        violations.append(
            f"rate_hz is {rate_hz} and first_step_s is {first_step_s}; both must be None or neither"
        )
    first = backbone.reading.modalities[0]
    if first in MODALITIES and first != backbone.modality:
        violations.append(
            f"reading begins with {first!r} and modality is {backbone.modality!r}; both must be "
            "the same, unless feature files are read"
        )
    if first == "video":
        violations += [
            f"prepare.{name} is missing; for video, prepare must be a VideoInput"
            for name in ("rate_hz", "face_weights", "frame")
            if not hasattr(backbone.prepare, name)
        ]
    return violations


def _method_violations(backbone: Any) -> list[str]:
    """Results of `cost` and `encode` of a few windows that are not as the contract says."""
    many = windows(backbone, 3)
    violations = [
        f"cost of a window is {cost!r}; it must be a whole number above 0"
        for cost in map(backbone.cost, many)
        if not is_count(cost)
    ]
    with CPU.running():
        tracks = backbone.encode(many)
    if not isinstance(tracks, list) or len(tracks) != len(many):
        return [*violations, f"encode of {len(many)} windows must return as many tracks in a list"]
    for track in tracks:
        shape, sizes = tuple(track.shape), (len(backbone.layers), backbone.dim)
        if track.dtype != torch.float32 or len(shape) != 3 or (shape[0], shape[2]) != sizes:
            violations.append(
                f"encode returns {track.dtype} {shape}; it must be torch.float32 "
                f"({sizes[0]}, steps, {sizes[1]})"
            )
    return violations
