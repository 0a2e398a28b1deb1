"""What every temporal encoder, pooling, fusion, dialogue, task, objective and protocol is held to.

Each function gives all violations of one leaf, as sentences, so that its author sees them at once.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from features.binding import REQUIRED, Parameter
from features.manifest import Label
from tests.upper_world import tiny_upper
from train.data.masking import Padded
from train.folds.fold import Fold

DIM, DROPOUT = 8, 0.1
MODALITIES = ("audio", "text", "video")
# What torch does with a module, which nothing else may do differently.
TORCH = ("__call__", "train", "eval", "to", "apply", "_apply", "state_dict", "load_state_dict",
         "parameters", "named_parameters", "buffers", "zero_grad", "requires_grad_")  # fmt: skip
KINDS = ("classes", "numbers", "pairs")
CONSTANTS: dict[str, Callable[[Any], bool]] = {
    "MIN_MODALITIES": lambda value: type(value) is int and value >= 1,
    "ENCODES_STEPS": lambda value: value is True,
    "ONE_POOLING": lambda value: value is True,
    "TAKES_NETWORK": lambda value: value is True,
    "KIND": lambda value: value in KINDS,
    "RANGES": lambda value: isinstance(value, dict),
}
# Every label there is, so that any task can be built from them.
LABELS = [
    Label(
        f"u{n}", speaker=f"s{n % 2}", dialogue="d", turn=n, emotion=("joy", "anger")[n % 2],
        sentiment=("good", "bad")[n % 2], valence=1.0 + n, arousal=3.0 - n, dominance=2.0 * n,
        causes=("u0",), is_cause=("cause", "no-cause")[n % 2], phq8=4.0 * n,
        phq8_items=(n,) * 8, depression=("depressed", "not-depressed")[n % 2],
    )
    for n in range(4)
]  # fmt: skip


class Width(nn.Module):
    """A pooling, for fusions that are built alone."""

    out_dim = DIM

    def forward(self, track: Padded) -> Tensor:
        return track.values.sum(dim=1)


@dataclass(frozen=True)
class Kind:
    """A kind of leaf: its class, its constructor's positional arguments, what forward takes, and
    the constants, attributes and methods that it needs."""

    symbol: str
    arguments: Mapping[str, Any]
    inputs: tuple[str, ...]
    constants: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


KIND_OF = {
    "temporal": Kind("Temporal", {"dim": DIM, "dropout": DROPOUT}, ("track",)),
    "pooling": Kind(
        "Pooling", {"dim": DIM}, ("track",), attributes=("out_dim",), methods=("weights",)
    ),
    "fusions": Kind(
        "Fusion",
        {"modalities": MODALITIES, "dim": DIM, "dropout": DROPOUT, "pool": lambda _: Width()},
        ("tracks",),
        attributes=("out_dim",),
    ),
    "dialogues": Kind("Dialogue", {"dim": DIM, "dropout": DROPOUT}, ("turns", "speakers")),
    "tasks": Kind(
        "Task",
        {"in_dim": DIM, "facts": None},
        ("encoded",),
        constants=("KIND",),
        attributes=("weight",),
        methods=("facts", "measures", "targets", "loss", "select_on_dev", "predict"),
    ),
    "objectives": Kind(
        "Objective",
        {"dim": DIM, "hidden": DIM, "modalities": MODALITIES, "facts": None},
        ("encoded", "targets"),
        attributes=("weight",),
        methods=("facts", "targets"),
    ),
}


def leaf_violations(folder: str, leaf: ModuleType, parameters: Sequence[Parameter]) -> list[str]:
    """Everything in which a leaf of ``train/<folder>`` breaks train/model/contracts.py.

    `parameters` are the settings as the source text gives them.
    """
    kind = KIND_OF[folder]
    made = getattr(leaf, kind.symbol, None)
    if not (isinstance(made, type) and issubclass(made, nn.Module)):
        return [f"it defines no torch.nn.Module called {kind.symbol}"]
    violations = _constants(leaf, kind.constants, [parameter.name for parameter in parameters])
    positional = ["self", *kind.arguments]
    positional += ["network"] if getattr(leaf, "TAKES_NETWORK", False) else []
    violations += _signature(made.__init__, positional, parameters)
    violations += [
        f"it overrides {name}, which torch needs as it is"
        for name in TORCH
        if getattr(made, name) is not getattr(nn.Module, name)
    ]
    forward = list(inspect.signature(made.forward).parameters)[1:]
    if "forward" not in vars(made) and made.forward is nn.Module.forward:
        violations.append("it has no forward")
    elif forward != list(kind.inputs):
        violations.append(f"forward takes {_names(forward)}; it must be {_names(kind.inputs)}")
    violations += [
        f"it has no method {name}"
        for name in kind.methods
        if not callable(getattr(made, name, None))
    ]
    return violations or _of_instance(made, kind, leaf)


def protocol_violations(leaf: ModuleType, parameters: Sequence[Parameter]) -> list[str]:
    """Everything in which a leaf of ``train/protocols`` breaks train/folds/fold.py."""
    violations = _constants(leaf, (), [parameter.name for parameter in parameters])
    if type(getattr(leaf, "SPEAKER_DISJOINT", None)) is not bool:
        violations.append("SPEAKER_DISJOINT is not there; it must be True or False")
    folds = getattr(leaf, "folds", None)
    if not inspect.isfunction(folds):
        return [*violations, "it defines no function called folds"]
    return violations + _signature(folds, ["labels"], parameters, required=True)


def fold_violations(folds: Sequence[Fold], labels: Sequence[Label]) -> list[str]:
    """Everything in which the folds of some labels are not what a protocol may give."""
    ids = [label.id for label in labels]
    tested = [name for fold in folds for name in fold.test]
    violations = [] if folds else ["there is no fold"]
    violations += [f"fold {fold.name!r} tests nothing" for fold in folds if not fold.test]
    if len(set(tested)) < len(tested):
        violations.append("an utterance is tested twice")
    violations += [f"{name!r} is not an utterance" for name in sorted({*tested} - {*ids})]
    violations += [
        f"fold {fold.name!r} tests what it selects on"
        for fold in folds
        if fold.dev and fold.dev & fold.test
    ]
    return violations


def _constants(leaf: ModuleType, needed: Sequence[str], settings: Sequence[str]) -> list[str]:
    violations = [f"{name} is missing" for name in needed if not hasattr(leaf, name)]
    violations += [
        f"{name} is {getattr(leaf, name)!r}"
        for name, is_right in CONSTANTS.items()
        if hasattr(leaf, name) and not is_right(getattr(leaf, name))
    ]
    ranges = getattr(leaf, "RANGES", {})
    unknown = [name for name in ranges if name not in settings] if type(ranges) is dict else []
    return violations + [f"RANGES names {name!r}, which is not a setting" for name in unknown]


def _signature(
    made: Any, positional: list[str], parameters: Sequence[Parameter], required: bool = False
) -> list[str]:
    """What is wrong with the parameters of a constructor or function."""
    actual = inspect.signature(made).parameters.values()
    own = [p.name for p in actual if p.kind is not p.KEYWORD_ONLY]
    settings = {p.name.removesuffix("_"): p.default for p in actual if p.kind is p.KEYWORD_ONLY}
    violations = []
    if own != positional:
        violations.append(f"it takes {_names(own)}; it must take {_names(positional)}")
    violations += [
        f"the setting {name!r} has no default"
        for name, default in settings.items()
        if default is inspect.Parameter.empty and not required
    ]
    read = {
        p.name: inspect.Parameter.empty if p.default is REQUIRED else p.default for p in parameters
    }
    if read != settings:
        violations.append(f"its settings are {settings}, and the source text says {read}")
    return violations


def _of_instance(made: Any, kind: Kind, leaf: ModuleType) -> list[str]:
    """What is wrong with a module built from LABELS with its default settings."""
    arguments = {**kind.arguments}
    if "facts" in arguments:
        arguments["facts"] = made.facts(LABELS)
    if getattr(leaf, "TAKES_NETWORK", False):
        arguments["network"] = tiny_upper(DIM)
    torch.manual_seed(0)
    module = made(*arguments.values())
    violations = [
        f"{name} is {getattr(module, name, None)!r}; it must be a number above 0"
        for name in kind.attributes
        if not isinstance(getattr(module, name, None), int | float) or getattr(module, name) <= 0
    ]
    violations += [
        f"{type(part).__name__} takes statistics of the batch"
        for part in module.modules()
        if isinstance(part, nn.modules.batchnorm._NormBase)
    ]
    if kind.symbol == "Task":
        kinds = {measure.kind for measure in made.measures(arguments["facts"])}
        if kinds != {leaf.KIND}:
            violations.append(f"KIND is {leaf.KIND!r}, and its measures are {sorted(kinds)}")
    if "targets" in kind.methods and len(module.targets(LABELS)) != len(LABELS):
        violations.append("targets does not give a row for each label")
    return violations


def _names(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
