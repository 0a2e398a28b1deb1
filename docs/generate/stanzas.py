"""The stanzas of params.yaml and the settings of each, as the code binds them."""

from collections.abc import Iterator
from dataclasses import dataclass

from features.binding import Parameter, dataclass_parameters
from features.leaves import leaf_names, leaf_parameters
from features.params import ensembles, heads, sweeps, tracks, transfers
from features.params.networks import network_parameters
from features.params.training import training_parameters
from features.specs.heads import ProtocolSpec
from features.specs.sweeps import RangeSpec
from features.specs.tracking import TrackingSpec
from features.specs.tracks import ExtractSpec
from features.specs.training import AugmentSpec, CurriculumSpec, RaiseDropoutSpec

# Where a leaf stands in params.yaml: its folder, and the function or class that takes its settings.
LEAVES = {
    "synthetic": ("extract/synthetic", "make"),
    "corpora": ("extract/corpora", "read"),
    "backbones": ("extract/backbones", "load"),
    "heads.protocol": ("train/protocols", "folds"),
    "heads.temporal": ("train/temporal", "Temporal"),
    "heads.pooling": ("train/pooling", "Pooling"),
    "heads.fusion": ("train/fusions", "Fusion"),
    "heads.dialogue": ("train/dialogues", "Dialogue"),
    "heads.tasks": ("train/tasks", "Task"),
    "heads.objectives": ("train/objectives", "Objective"),
}
# Named by their key, not by a `code`.
NAMED_BY_KEY = ("heads.tasks", "heads.objectives")


@dataclass(frozen=True)
class Stanza:
    """A mapping of params.yaml: its settings, or those that one leaf file adds to it."""

    path: str
    parameters: list[Parameter]
    code: str | None = None


def stanzas() -> Iterator[Stanza]:
    """Every stanza, in the order of params.yaml; leaves after what all of their kind have."""
    yield Stanza("extract", dataclass_parameters(ExtractSpec))
    yield from _with_leaves("synthetic", [])
    yield from _with_leaves("corpora", list(tracks.CORPUS_SETTINGS))
    yield from _with_leaves("backbones", [])
    yield Stanza("tracks", tracks.TRACK_SETTINGS)
    yield Stanza("heads", [*heads.COMMON, *network_parameters()])
    yield Stanza("heads (code: probe)", heads.PROBE)
    yield from _with_leaves("heads.protocol", dataclass_parameters(ProtocolSpec)[1:])
    for part in ("temporal", "pooling", "fusion", "dialogue", "tasks", "objectives"):
        yield from _with_leaves(f"heads.{part}", [])
    yield Stanza("heads.training", training_parameters())
    yield Stanza("heads.training.augment.MODALITY", dataclass_parameters(AugmentSpec))
    yield Stanza("heads.training.curriculum", dataclass_parameters(CurriculumSpec))
    yield Stanza("heads.training.raise_dropout", dataclass_parameters(RaiseDropoutSpec))
    yield Stanza("continued", [Parameter("start", str)])
    yield Stanza("distilled", [])
    yield Stanza("transfers", transfers.SETTINGS)
    yield Stanza("ensembles", ensembles.SETTINGS)
    yield Stanza("sweeps", sweeps.SETTINGS)
    yield Stanza("sweeps.space.SETTING", dataclass_parameters(RangeSpec))
    yield Stanza("tracking", dataclass_parameters(TrackingSpec))


def _with_leaves(path: str, common: list[Parameter]) -> Iterator[Stanza]:
    folder, symbol = LEAVES[path]
    code = [] if path in NAMED_BY_KEY else [Parameter("code", str)]
    yield Stanza(path, [*code, *common])
    for name in leaf_names(folder):
        yield Stanza(path, leaf_parameters(folder, name, symbol), name)
